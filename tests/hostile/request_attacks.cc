// Attacks by requests: metadata and messages.

#include <zlib.h>

#include "absl/strings/str_cat.h"
#include "tests/hostile/again.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

using Told = Attack::Told;

using Fields = std::vector<std::pair<std::string, std::string>>;

// A block of fields on stream 1, in as many frames as it takes.
std::string Block(const std::string& fields, bool last = false) {
  constexpr size_t kMost = 16 << 10;
  std::string out;
  for (size_t at = 0; at == 0 || at < fields.size(); at += kMost) {
    uint8_t flags = at + kMost >= fields.size() ? kEndHeaders : 0;
    if (at == 0 && last) flags |= kEndStream;
    out += Frame(at == 0 ? kHeaders : kContinuation, flags, 1,
                 fields.substr(at, kMost));
  }
  return out;
}

// One connection after the other sends `bytes` and waits for the answer.
Outcome Ask(const Target& target, absl::Time end, const std::string& bytes,
            bool acknowledge = true) {
  return AgainAndAgain(target, end, [&](RawPeer& peer) {
    if (peer.Hello(acknowledge) && peer.Send(bytes))
      peer.Listen(absl::Milliseconds(100));
  });
}

Outcome AskWith(const Target& target, absl::Time end, const Fields& fields) {
  return Ask(target, end,
             Block(Request(kMethod, fields)) +
                 Frame(kData, kEndStream, 1, Message("")));
}

Outcome AskMessage(const Target& target, absl::Time end,
                   const std::string& message, const Fields& fields = {}) {
  std::string bytes = Block(Request(kMethod, fields));
  for (size_t at = 0; at < message.size(); at += 16'000)
    bytes += Frame(kData, 0, 1, message.substr(at, 16'000));
  return Ask(target, end, bytes + Frame(kData, kEndStream, 1));
}

Outcome Metadata9Kb(const Target& target, absl::Time end) {
  return AskWith(target, end, {{"x-large", std::string(9 << 10, 'x')}});
}
Outcome Metadata17Mb(const Target& target, absl::Time end) {
  // Before the settings are acknowledged they bind nobody.
  return Ask(target, end,
             Block(Request(kMethod, {{"x-large", std::string(17 << 20, 'x')}})),
             false);
}
Outcome TenThousandFields(const Target& target, absl::Time end) {
  Fields fields;
  for (int i = 0; i < 10'000; ++i)
    fields.emplace_back(absl::StrCat("x-", i), "y");
  return AskWith(target, end, fields);
}
Outcome BadBase64(const Target& target, absl::Time end) {
  return AskWith(target, end, {{"trace-bin", "%%%=not base64=%%%"}});
}

// CVE-2023-1428: an odd `te` and too much metadata ended the process.
Outcome OddTe(const Target& target, absl::Time end) {
  int variant = 0;
  return AgainAndAgain(target, end, [&](RawPeer& peer) {
    const bool acknowledge = (variant & 1) != 0;
    const bool large = (variant & 2) != 0;
    const bool remembered = (variant & 4) != 0;
    ++variant;
    std::string block = "\x83\x86";
    absl::StrAppend(&block, HpackField(":path", kMethod, remembered),
                    HpackField(":authority", "x", remembered),
                    HpackField("te", "x", remembered),
                    HpackField("content-type", "application/grpc"));
    if (large) block += HpackField("x-large", std::string(9 << 10, 'x'));
    if (peer.Hello(acknowledge) && peer.Send(Block(block, true)))
      peer.Listen(absl::Milliseconds(50));
  });
}

Outcome LongMessage(const Target& target, absl::Time end) {
  return AskMessage(target, end, Message(std::string((64 << 10) + 1, 'x')));
}
Outcome ShortMessage(const Target& target, absl::Time end) {
  return AskMessage(target, end,
                    Message(std::string(1'000, 'x')).substr(0, 99));
}
Outcome MoreThanTheMessage(const Target& target, absl::Time end) {
  return AskMessage(target, end, Message("") + std::string(1'000, 'x'));
}
Outcome FourGigabytes(const Target& target, absl::Time end) {
  return AskMessage(target, end,
                    absl::StrCat(BigEndian(0, 1), BigEndian(0xffffffff, 4),
                                 std::string(20'000, 'x')));
}
Outcome GzipBomb(const Target& target, absl::Time end) {
  const std::string zeros(16 << 20, '\0');
  uLongf size = compressBound(zeros.size());
  std::string packed(size, '\0');
  compress(reinterpret_cast<Bytef*>(packed.data()), &size,
           reinterpret_cast<const Bytef*>(zeros.data()), zeros.size());
  packed.resize(size);
  return AskMessage(target, end, Message(packed, true),
                    {{"grpc-encoding", "deflate"}});
}
Outcome NoProtobuf(const Target& target, absl::Time end) {
  // A field of 2 GB, and a number that never ends.
  return AskMessage(
      target, end,
      Message("\x0a\xff\xff\xff\xff\x07" + std::string(40'000, '\xff')));
}
Outcome WrongContentType(const Target& target, absl::Time end) {
  std::string block = "\x83\x86";
  absl::StrAppend(&block, HpackField(":path", kMethod),
                  HpackField(":authority", "x"), HpackField("te", "trailers"),
                  HpackField("content-type", "text/html"));
  return Ask(target, end,
             Block(block) + Frame(kData, kEndStream, 1, Message("")));
}
Outcome BadTimeout(const Target& target, absl::Time end) {
  return AskWith(target, end, {{"grpc-timeout", "99999999999999999999n"}});
}
Outcome NoPath(const Target& target, absl::Time end) {
  return Ask(target, end, Block("\x83\x86", true));
}
Outcome UpperCaseAndRepeatedFields(const Target& target, absl::Time end) {
  return Ask(target, end,
             Block(Request(kMethod, {{"X-Upper", "x"},
                                     {":path", "/again"},
                                     {":unknown", "x"},
                                     {"", "nameless"}}),
                   true));
}
Outcome ReflectionProbe(const Target& target, absl::Time end) {
  return Ask(target, end,
             Block(Request("/grpc.reflection.v1alpha.ServerReflection/"
                           "ServerReflectionInfo")) +
                 Frame(kData, kEndStream, 1, Message("")));
}

}  // namespace

std::vector<Attack> RequestAttacks() {
  const absl::Duration brief = absl::Milliseconds(700);
  return {
      {"Metadata9Kb", brief, Metadata9Kb},
      {"Metadata17Mb", brief, Metadata17Mb, Told::kCut},
      {"TenThousandFields", brief, TenThousandFields, Told::kCut, "headers"},
      {"BadBase64", brief, BadBase64},
      {"OddTe", brief, OddTe},
      {"LongMessage", brief, LongMessage},
      {"ShortMessage", brief, ShortMessage, Told::kNot, "", true},
      {"MoreThanTheMessage", brief, MoreThanTheMessage},
      {"FourGigabytes", brief, FourGigabytes},
      {"GzipBomb", brief, GzipBomb, Told::kNot, "", true},
      {"NoProtobuf", brief, NoProtobuf, Told::kNot, "", true},
      {"WrongContentType", brief, WrongContentType},
      {"BadTimeout", brief, BadTimeout},
      {"NoPath", brief, NoPath},
      {"UpperCaseAndRepeatedFields", brief, UpperCaseAndRepeatedFields},
      {"ReflectionProbe", brief, ReflectionProbe, Told::kNot, "", true},
  };
}

}  // namespace wxident

// Attacks by TLS records of a client that is known.

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/hostile/again.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

using Told = Attack::Told;

std::string Data(RawPeer& peer, const std::string& bytes, size_t padding = 0) {
  return peer.tls()->Record(RawTls::kData, bytes, padding);
}

std::string Hello() {
  return absl::StrCat(kClientMagic, Frame(kSettings, 0, 0),
                      Frame(kSettings, kAck, 0));
}

// Says hello and then what `one` gives, a hundred times in each write.
Outcome Flood(const Target& target, absl::Time end, const TlsManner* manner,
              const std::function<std::string(RawPeer&)>& one) {
  return AgainAndAgain(target, end, manner, [&](RawPeer& peer) {
    std::string many = Data(peer, Hello());
    while (peer.SendRaw(many)) {
      many.clear();
      for (int i = 0; i < 100; ++i) many += one(peer);
    }
  });
}
Outcome Flood(const Target& target, absl::Time end,
              const std::function<std::string(RawPeer&)>& one) {
  return Flood(target, end, target.manner(), one);
}
Outcome FloodOfTls12(const Target& target, absl::Time end,
                     RawTls::RecordType type, const std::string& content) {
  const TlsManner manner({.shown = &target.tls->certificate, .version = 12});
  return Flood(target, end, &manner, [&](RawPeer& peer) {
    return peer.tls()->Record(type, content);
  });
}

Outcome KeyUpdates(const Target& target, absl::Time end) {
  return Flood(target, end,
               [](RawPeer& peer) { return peer.tls()->KeyUpdate(false); });
}
Outcome KeyUpdatesThatAsk(const Target& target, absl::Time end) {
  return Flood(target, end,
               [](RawPeer& peer) { return peer.tls()->KeyUpdate(true); });
}
Outcome Renegotiations(const Target& target, absl::Time end) {
  return FloodOfTls12(
      target, end, RawTls::kHandshake,
      absl::StrCat("\x01", BigEndian(100, 3), std::string(100, 'h')));
}
Outcome EmptyRecords(const Target& target, absl::Time end) {
  return Flood(target, end, [](RawPeer& peer) { return Data(peer, ""); });
}
Outcome EmptyRecordsOfTls12(const Target& target, absl::Time end) {
  return FloodOfTls12(target, end, RawTls::kData, "");
}
// user_canceled, with which nothing ends.
Outcome Warnings(const Target& target, absl::Time end) {
  return Flood(target, end, [](RawPeer& peer) {
    return peer.tls()->Record(RawTls::kAlert, "\x01\x5a");
  });
}
Outcome WarningsOfTls12(const Target& target, absl::Time end) {
  return FloodOfTls12(target, end, RawTls::kAlert, "\x01\x5a");
}
// Which only servers send.
Outcome Tickets(const Target& target, absl::Time end) {
  const std::string ticket =
      absl::StrCat(BigEndian(3'600, 4), BigEndian(1, 4), BigEndian(1, 1), "n",
                   BigEndian(100, 2), std::string(100, 't'), BigEndian(0, 2));
  return Flood(target, end, [&](RawPeer& peer) {
    return peer.tls()->Record(
        RawTls::kHandshake,
        absl::StrCat("\x04", BigEndian(ticket.size(), 3), ticket));
  });
}
Outcome WrongTags(const Target& target, absl::Time end) {
  return Flood(target, end, [](RawPeer& peer) {
    std::string record = Data(peer, Frame(kPing, 0, 0, "pingping"));
    record.back() ^= 1;
    return record;
  });
}
Outcome PingsInOneRecord(const Target& target, absl::Time end) {
  std::string pings;
  while (pings.size() < 16'000) pings += Frame(kPing, 0, 0, "pingping");
  return Flood(target, end, [&](RawPeer& peer) { return Data(peer, pings); });
}
Outcome PingsWithPadding(const Target& target, absl::Time end) {
  return Flood(target, end, [](RawPeer& peer) {
    return Data(peer, Frame(kPing, 0, 0, "pingping"), 16'000);
  });
}
// Calls, each byte of them in a record of its own.
Outcome OneByteRecords(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    uint32_t stream = 1;
    std::string said = Hello();
    absl::StrAppend(&said,
                    Frame(kHeaders, kEndHeaders, stream, Request(kMethod)));
    while (true) {
      absl::StrAppend(&said, Frame(kData, kEndStream, stream, Message("")));
      std::string records;
      for (const char byte : said) records += Data(peer, std::string(1, byte));
      if (!peer.SendRaw(records)) return;
      stream += 2;
      said = Frame(kHeaders, kEndHeaders, stream, RepeatedRequest());
    }
  });
}
// One after the other, each answered before the next: the server cuts nobody
// for being slow at that.
Outcome RecordsWithPadding(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    uint32_t stream = 1;
    std::string said = absl::StrCat(
        Hello(), Frame(kHeaders, kEndHeaders, stream, Request(kMethod)));
    while (true) {
      absl::StrAppend(&said, Frame(kData, kEndStream, stream, Message("")));
      std::string records;
      for (const char byte : said)
        records += Data(peer, std::string(1, byte), 16'000);
      if (!peer.SendRaw(records)) return;
      stream += 2;
      said = Frame(kHeaders, kEndHeaders, stream, RepeatedRequest());
    }
  });
}

}  // namespace

std::vector<Attack> RecordAttacks() {
  const absl::Duration brief = absl::Milliseconds(700);
  return {
      {"KeyUpdates", brief, KeyUpdates, Told::kCut, "tls"},
      {"KeyUpdatesThatAsk", brief, KeyUpdatesThatAsk, Told::kCut, "tls"},
      {"Renegotiations", brief, Renegotiations, Told::kCut, "tls"},
      {"EmptyRecords", brief, EmptyRecords, Told::kCut, "tls"},
      {"EmptyRecordsOfTls12", brief, EmptyRecordsOfTls12, Told::kCut, "tls"},
      {"Warnings", brief, Warnings, Told::kCut, "tls"},
      {"WarningsOfTls12", brief, WarningsOfTls12, Told::kCut, "tls"},
      {"Tickets", brief, Tickets, Told::kCut, "tls"},
      {"WrongTags", brief, WrongTags, Told::kCut, "tls"},
      {"PingsInOneRecord", brief, PingsInOneRecord, Told::kCut, "frames"},
      {"PingsWithPadding", brief, PingsWithPadding, Told::kCut, "frames"},
      {"OneByteRecords", absl::Seconds(1), OneByteRecords, Told::kCut, "frames",
       true},
      {"RecordsWithPadding", absl::Seconds(1), RecordsWithPadding, Told::kNot,
       "", true},
  };
}

}  // namespace wxident

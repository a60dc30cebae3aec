// Attacks by single frames and by what HPACK allows.

#include "absl/strings/str_cat.h"
#include "tests/hostile/again.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

using Told = Attack::Told;

std::string Repeated(const std::string& bytes, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += bytes;
  return out;
}

// Says hello, then `prelude`, then `again` as often as it can.
Outcome Flood(const Target& target, absl::Time end, const std::string& prelude,
              const std::string& again) {
  const std::string many = Repeated(again, 200);
  return AgainAndAgain(target, end, [&](RawPeer& peer) {
    if (peer.Hello() && peer.Send(prelude)) peer.Flood(many);
  });
}

// Says hello and `what`, and waits for a while.
Outcome Once(const Target& target, absl::Time end, const std::string& what) {
  return AgainAndAgain(target, end, [&](RawPeer& peer) {
    if (peer.Hello() && peer.Send(what)) peer.Listen(absl::Milliseconds(500));
  });
}

std::string OpenStream() {
  return Frame(kHeaders, kEndHeaders, 1, Request(kMethod));
}
// A block of fields on stream 1 that goes on in CONTINUATION frames.
std::string OpenBlock(const std::string& begin = "") {
  return Frame(kHeaders, 0, 1, Request(kMethod) + begin);
}

Outcome Settings(const Target& target, absl::Time end) {
  // INITIAL_WINDOW_SIZE, which is applied to every stream.
  return Flood(target, end, "",
               Frame(kSettings, 0, 0, BigEndian(4, 2) + BigEndian(70'000, 4)));
}
Outcome SettingsAcks(const Target& target, absl::Time end) {
  return Flood(target, end, "", Frame(kSettings, kAck, 0));
}
Outcome Pings(const Target& target, absl::Time end) {
  return Flood(target, end, "", Frame(kPing, 0, 0, "pingping"));
}
Outcome EmptyData(const Target& target, absl::Time end) {
  return Flood(target, end, OpenStream(), Frame(kData, 0, 1));
}
Outcome PaddedEmptyData(const Target& target, absl::Time end) {
  return Flood(
      target, end, OpenStream(),
      Frame(kData, kPadded, 1, BigEndian(255, 1) + std::string(255, '\0')));
}
Outcome EmptyContinuations(const Target& target, absl::Time end) {
  return Flood(target, end, OpenBlock(), Frame(kContinuation, 0, 1));
}
Outcome EndlessContinuations(const Target& target, absl::Time end) {
  return Flood(target, end, OpenBlock(),
               Frame(kContinuation, 0, 1,
                     HpackField("x-field", std::string(1'000, 'x'))));
}
Outcome EmptyHeaders(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    if (!peer.Hello()) return;
    for (uint32_t stream = 1; stream < 1u << 30; stream += 2)
      if (!peer.Send(Frame(kHeaders, kEndHeaders, stream))) return;
  });
}
Outcome Priorities(const Target& target, absl::Time end) {
  return Flood(target, end, "",
               Frame(kPriority, 0, 7, BigEndian(5, 4) + BigEndian(9, 1)));
}
Outcome UnknownFrames(const Target& target, absl::Time end) {
  return Flood(target, end, "", Frame(0x77, 0, 0, "what is this"));
}
Outcome Goaways(const Target& target, absl::Time end) {
  return Flood(target, end, "",
               Frame(kGoaway, 0, 0, BigEndian(0, 8) + "good bye"));
}
Outcome WindowUpdates(const Target& target, absl::Time end) {
  return Flood(target, end, "", Frame(kWindowUpdate, 0, 0, BigEndian(1, 4)));
}
Outcome TooWideWindow(const Target& target, absl::Time end) {
  return Flood(target, end, "",
               Frame(kWindowUpdate, 0, 0, BigEndian(0x7fffffff, 4)));
}
Outcome ZeroWindowUpdate(const Target& target, absl::Time end) {
  return Once(target, end, Frame(kWindowUpdate, 0, 0, BigEndian(0, 4)));
}
Outcome TooMuchPadding(const Target& target, absl::Time end) {
  return Once(
      target, end,
      OpenStream() + Frame(kData, kPadded, 1, BigEndian(200, 1) + "short"));
}
Outcome TooLongFrame(const Target& target, absl::Time end) {
  return Once(target, end,
              OpenStream() + BigEndian(0xffffff, 3) + BigEndian(kData, 1) +
                  BigEndian(0, 1) + BigEndian(1, 4) +
                  std::string(100'000, 'x'));
}

// A value that says it is 1 GiB long.
Outcome EndlessString(const Target& target, absl::Time end) {
  return Flood(target, end,
               OpenBlock(absl::StrCat(BigEndian(0, 1), HpackNumber(0, 7, 1),
                                      "x", HpackNumber(0, 7, 1 << 30))),
               Frame(kContinuation, 0, 1, std::string(100, 'x')));
}
// A number that goes on in bytes that add nothing.
Outcome PaddedNumber(const Target& target, absl::Time end) {
  return Flood(target, end,
               OpenBlock(absl::StrCat(BigEndian(0, 1), HpackNumber(0, 7, 1),
                                      "x", BigEndian(0x7f, 1))),
               Frame(kContinuation, 0, 1, std::string(100, '\x80')));
}
Outcome TableResizes(const Target& target, absl::Time end) {
  return Flood(target, end, OpenBlock(),
               Frame(kContinuation, 0, 1,
                     HpackNumber(0x20, 5, 0) + HpackNumber(0x20, 5, 4096)));
}
// A byte for each 3 KB.
Outcome Bomb(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    const std::string begin =
        Request(kMethod) + HpackField("x-big", std::string(3'000, 'x'), true);
    if (!peer.Hello() || !peer.Send(Frame(kHeaders, 0, 1, begin))) return;
    peer.Flood(
        Frame(kContinuation, 0, 1, Repeated(HpackRemembered(0), 10'000)));
  });
}

}  // namespace

std::vector<Attack> FrameAttacks() {
  const absl::Duration brief = absl::Milliseconds(700);
  return {
      {"Settings", brief, Settings, Told::kCut, "frames"},
      {"SettingsAcks", brief, SettingsAcks, Told::kCut, "frames"},
      {"Pings", brief, Pings, Told::kCut, "frames"},
      {"EmptyData", brief, EmptyData, Told::kCut, "frames"},
      {"PaddedEmptyData", brief, PaddedEmptyData, Told::kCut, "frames"},
      {"EmptyHeaders", brief, EmptyHeaders, Told::kCut},
      {"EmptyContinuations", brief, EmptyContinuations, Told::kCut, "headers"},
      {"EndlessContinuations", brief, EndlessContinuations, Told::kCut,
       "headers"},
      {"Priorities", brief, Priorities, Told::kCut, "frames"},
      {"UnknownFrames", brief, UnknownFrames, Told::kCut, "frames"},
      {"Goaways", brief, Goaways, Told::kCut},
      {"WindowUpdates", brief, WindowUpdates, Told::kCut, "frames"},
      {"TooWideWindow", brief, TooWideWindow, Told::kCut},
      {"ZeroWindowUpdate", brief, ZeroWindowUpdate, Told::kCut, "protocol"},
      {"TooMuchPadding", brief, TooMuchPadding, Told::kCut, "protocol"},
      {"TooLongFrame", brief, TooLongFrame, Told::kCut, "protocol"},
      {"HpackEndlessString", brief, EndlessString, Told::kCut},
      {"HpackPaddedNumber", brief, PaddedNumber, Told::kCut},
      {"HpackTableResizes", brief, TableResizes, Told::kCut},
      {"HpackBomb", brief, Bomb, Told::kCut},
  };
}

}  // namespace wxident

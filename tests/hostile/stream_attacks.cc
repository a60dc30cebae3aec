// Attacks by opening and ending streams.

#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/hostile/again.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

using Told = Attack::Told;

constexpr uint32_t kMaxStream = 0x7fffffff;

// Opens stream after stream by what `one` says, a hundred in each write.
void FloodStreams(RawPeer& peer,
                  const std::function<std::string(uint32_t)>& one,
                  bool acknowledge = true, const std::string& path = kMethod) {
  if (!peer.Hello(acknowledge) ||
      !peer.Send(Frame(kHeaders, kEndHeaders | kEndStream, 1, Request(path))))
    return;
  for (uint32_t stream = 3; stream < kMaxStream - 200;) {
    std::string bytes;
    for (int i = 0; i < 100; ++i, stream += 2) bytes += one(stream);
    if (!peer.Send(bytes)) return;
  }
}

std::string Open(uint32_t stream, uint8_t flags = kEndHeaders) {
  return Frame(kHeaders, flags, stream, RepeatedRequest());
}

std::string Whole(uint32_t stream) {
  return Open(stream) + Frame(kData, kEndStream, stream, Message(""));
}

std::string Reset(uint32_t stream) {
  return Frame(kRstStream, 0, stream, BigEndian(8, 4));  // CANCEL
}

template <std::string (*kOne)(uint32_t), bool kAcknowledge = true>
Outcome Streams(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    FloodStreams(peer, kOne, kAcknowledge);
  });
}

std::string OpenAndReset(uint32_t stream) {
  return Open(stream, kEndHeaders | kEndStream) + Reset(stream);
}
std::string WholeAndReset(uint32_t stream) {
  return Whole(stream) + Reset(stream);
}
std::string OpenAndZeroWindow(uint32_t stream) {
  return Open(stream) + Frame(kWindowUpdate, 0, stream, BigEndian(0, 4));
}
std::string OpenAndTooWideWindow(uint32_t stream) {
  return Open(stream) +
         Frame(kWindowUpdate, 0, stream, BigEndian(0x7fffffff, 4));
}
std::string WholeAndMoreData(uint32_t stream) {
  return Whole(stream) + Frame(kData, 0, stream, "x");
}
std::string OpenOnly(uint32_t stream) { return Open(stream); }

Outcome ResetOfUnknownMethods(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    FloodStreams(peer, OpenAndReset, true, "/nobody.knows/Me");
  });
}

Outcome UnknownMethods(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    FloodStreams(
        peer,
        [](uint32_t stream) { return Open(stream, kEndHeaders | kEndStream); },
        true, "/nobody.knows/Me");
  });
}

// As many streams as are allowed, each with a message that never ends.
Outcome HalfMessages(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [end](RawPeer& peer) {
    if (!peer.Hello() ||
        !peer.Send(Frame(kHeaders, kEndHeaders, 1, Request(kMethod))))
      return;
    for (uint32_t stream = 3; stream < 500; stream += 2)
      if (!peer.Send(Open(stream) +
                     Frame(kData, 0, stream,
                           absl::StrCat(BigEndian(0, 1), BigEndian(60'000, 4),
                                        std::string(8'000, 'x')))))
        return;
    peer.Listen(end - absl::Now());
  });
}

Outcome ReusedStreams(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    if (!peer.Hello() || !peer.Send(Frame(kHeaders, kEndHeaders | kEndStream, 9,
                                          Request(kMethod))))
      return;
    peer.Flood(Open(9) + Open(7) + Open(2) + Open(0), 1'000);
    peer.Listen(absl::Milliseconds(200));
  });
}

Outcome ResetsOfIdleStreams(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    if (!peer.Hello()) return;
    for (uint32_t stream = 1; stream < kMaxStream - 2; stream += 2)
      if (!peer.Send(Reset(stream))) return;
  });
}

Outcome TrailersWithoutEnd(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    if (!peer.Hello() ||
        !peer.Send(Frame(kHeaders, kEndHeaders, 1, Request(kMethod))))
      return;
    peer.Flood(Frame(kHeaders, kEndHeaders, 1, HpackField("x", "y")));
  });
}

}  // namespace

std::vector<Attack> StreamAttacks() {
  const absl::Duration brief = absl::Milliseconds(700);
  return {
      {"RapidReset", absl::Seconds(2), Streams<OpenAndReset>, Told::kCut,
       "resets"},
      {"RapidResetOfWholeRequests", absl::Seconds(2), Streams<WholeAndReset>,
       Told::kCut, "resets"},
      {"RapidResetOfUnknownMethods", brief, ResetOfUnknownMethods, Told::kCut,
       "resets"},
      {"MadeYouResetByZeroWindow", brief, Streams<OpenAndZeroWindow>,
       Told::kCut},
      {"MadeYouResetByTooWideWindow", brief, Streams<OpenAndTooWideWindow>,
       Told::kCut, "resets"},
      // As "protocol", or where the answers come before the data as "frames".
      {"MadeYouResetByDataAfterTheEnd", brief, Streams<WholeAndMoreData>,
       Told::kCut},
      {"OpenStreamsWithoutSettingsAck", brief, Streams<OpenOnly, false>,
       Told::kCut, "streams"},
      {"CallsWithoutSettingsAck", brief, Streams<Whole, false>, Told::kCut,
       "streams"},
      {"UnknownMethods", brief, UnknownMethods, Told::kCut, "streams"},
      {"HalfMessages", brief, HalfMessages, Told::kCut, "bytes"},
      {"ReusedStreams", brief, ReusedStreams, Told::kCut, "protocol"},
      {"ResetsOfIdleStreams", brief, ResetsOfIdleStreams, Told::kCut,
       "protocol"},
      {"TrailersWithoutEnd", brief, TrailersWithoutEnd, Told::kCut, "frames"},
  };
}

}  // namespace wxident

// Attacks by answers that are not taken, or hardly.

#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/hostile/again.h"
#include "tests/hostile/http2_frames.h"
#include "tests/hostile/untaken.h"

namespace wxident {
namespace {

using Told = Attack::Told;

// What costs the server nothing but an answer.
constexpr char kHealth[] = "/grpc.health.v1.Health/Check";

Outcome UntakenAnswers(const Target& target, absl::Time end) {
  return AskAndTakeNothing(target, end, kHealth, Message(""));
}

// Reads nothing, so that the sockets and TLS are full in the end.
Outcome DeafCallers(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    if (!peer.Hello()) return;
    peer.TurnDeaf();
    std::string many = Frame(kHeaders, kEndHeaders, 1, Request(kHealth));
    many += Frame(kData, kEndStream, 1, Message(""));
    for (uint32_t stream = 3; peer.Send(many);) {
      // For the answers to leave: it may have only so many calls at once.
      absl::SleepFor(absl::Milliseconds(2));
      many.clear();
      for (int i = 0; i < 25; ++i, stream += 2)
        many += Frame(kHeaders, kEndHeaders, stream, RepeatedRequest()) +
                Frame(kData, kEndStream, stream, Message(""));
    }
  });
}

// Takes its answers a byte at a time.
Outcome WindowsOfOneByte(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    if (!peer.Hello(true, 0)) return;
    std::string asked = Frame(kHeaders, kEndHeaders, 1, Request(kHealth));
    std::string widened;
    for (uint32_t stream = 1; stream < 400; stream += 2) {
      if (stream > 1)
        asked += Frame(kHeaders, kEndHeaders, stream, RepeatedRequest());
      asked += Frame(kData, kEndStream, stream, Message(""));
      widened += Frame(kWindowUpdate, 0, stream, BigEndian(1, 4));
    }
    if (peer.Send(asked)) peer.Flood(widened);
  });
}

}  // namespace

std::vector<Attack> AnswerAttacks() {
  // After the server's patience with who takes nothing, 10 s.
  const absl::Duration patient = absl::Seconds(12);
  return {
      {"UntakenAnswers", patient, UntakenAnswers, Told::kCut, "unread"},
      {"DeafCallers", patient, DeafCallers, Told::kCut},
      {"WindowsOfOneByte", absl::Seconds(1), WindowsOfOneByte, Told::kCut,
       "frames"},
  };
}

}  // namespace wxident

// Attacks by wxident's own methods, and at its port for metrics.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/hostile/again.h"
#include "tests/hostile/http2_frames.h"
#include "tests/hostile/untaken.h"

namespace wxident {
namespace {

using Told = Attack::Told;

// Of every test's world.
constexpr char kApp[] = "wx4f4bc4dec97d474b";

constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";
constexpr char kHealthWatch[] = "/grpc.health.v1.Health/Watch";
constexpr char kReflection[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr char kTokenWatch[] = "/wxident.v1.IdentityService/WatchAccessToken";

// A field of a message, by its number.
std::string Field(int number, const std::string& text) {
  return absl::StrCat(BigEndian(number << 3 | 2, 1),
                      HpackNumber(0, 7, text.size()), text);
}

// Tokens of the right form, and nobody's.
Outcome UntakenSessions(const Target& target, absl::Time end) {
  return AskAndTakeNothing(target, end, kMethod,
                           Message(Field(1, "wxs1_" + std::string(43, 'A'))));
}
Outcome UntakenBatches(const Target& target, absl::Time end) {
  std::string request;
  for (int i = 0; i < 350; ++i)
    request += Field(2, "01234567-89ab-cdef-0123-456789abcdef");
  return AskAndTakeNothing(target, end,
                           "/wxident.v1.IdentityService/BatchGetUsers",
                           Message(request));
}
Outcome UntakenTokens(const Target& target, absl::Time end) {
  return AskAndTakeNothing(target, end, kTokenWatch, Message(Field(1, kApp)));
}

// Asks for the largest answers there are, over and over on one stream.
Outcome UntakenReflection(const Target& target, absl::Time end) {
  const std::string question = Message(Field(4, "wxident.v1.IdentityService"));
  std::string many;
  for (int i = 0; i < 300; ++i) many += question;
  return AgainAndAgain(target, end, [&](RawPeer& peer) {
    if (peer.Hello(true, 0) &&
        peer.Send(Frame(kHeaders, kEndHeaders, 1, Request(kReflection))))
      peer.Flood(Frame(kData, 0, 1, many));
  });
}

// Streams that go on, as many as one IP gets on its connections.
Outcome Watch(const Target& target, absl::Time end, const std::string& path,
              const std::string& body) {
  Outcome outcome;
  std::vector<std::unique_ptr<RawPeer>> peers;
  std::string all;
  for (uint32_t stream = 1; stream < 500; stream += 2)
    all += Frame(kHeaders, kEndHeaders, stream,
                 stream == 1 ? Request(path) : RepeatedRequest()) +
           Frame(kData, kEndStream, stream, body);
  while (absl::Now() < end) {
    auto peer = std::make_unique<RawPeer>(target.addr, end, target.source,
                                          target.manner());
    if (!peer->connected()) continue;
    ++outcome.connections;
    if (peer->open() && peer->Hello()) peer->Send(all);
    peer->Listen(absl::Milliseconds(5));
    outcome.heard += peer->heard();
    peers.push_back(std::move(peer));
  }
  return outcome;
}
Outcome HealthWatches(const Target& target, absl::Time end) {
  return Watch(target, end, kHealthWatch, Message(""));
}
Outcome TokenWatches(const Target& target, absl::Time end) {
  return Watch(target, end, kTokenWatch, Message(Field(1, kApp)));
}

// As fast as they are answered, and never more at once than a connection may
// have.
Outcome Calls(const Target& target, absl::Time end, const std::string& path) {
  return AgainAndAgain(target, end, [&](RawPeer& peer) {
    if (!peer.Hello()) return;
    // Room for the answers of as many calls as it can make.
    std::string many = Frame(kWindowUpdate, 0, 0, BigEndian(1 << 30, 4)) +
                       Frame(kHeaders, kEndHeaders, 1, Request(path)) +
                       Frame(kData, kEndStream, 1, Message(""));
    for (uint32_t stream = 3;;) {
      // Its answer comes when the calls before it have been read.
      const std::string ping = BigEndian(stream, 8);
      if (!peer.Send(many + Frame(kPing, 0, 0, ping)) ||
          !peer.ListenFor(Frame(kPing, kAck, 0, ping)))
        return;
      many.clear();
      for (int i = 0; i < 80; ++i, stream += 2)
        many += Frame(kHeaders, kEndHeaders, stream, RepeatedRequest()) +
                Frame(kData, kEndStream, stream, Message(""));
    }
  });
}
Outcome HealthChecks(const Target& target, absl::Time end) {
  return Calls(target, end, kHealthCheck);
}
Outcome MethodsThereAreNot(const Target& target, absl::Time end) {
  return Calls(target, end, "/nobody.knows/Me");
}

Outcome HalfHttpRequests(const Target& target, absl::Time end) {
  Outcome outcome;
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 400; ++i) {
    peers.push_back(
        std::make_unique<RawPeer>(target.http_addr, end, target.source));
    if (peers.back()->connected()) ++outcome.connections;
    peers.back()->Send("GET /metrics HTTP/1.1\r\nHost: localh");
  }
  while (absl::Now() < end)
    for (const auto& peer : peers)
      if (peer->Listen(absl::Milliseconds(1)) && absl::Now() < end)
        absl::SleepFor(absl::Milliseconds(1));
  for (const auto& peer : peers)
    if (!peer->open()) ++outcome.closed;
  return outcome;
}

}  // namespace

std::vector<Attack> ServiceAttacks() {
  // After the server's patience with who takes nothing, 10 s.
  const absl::Duration patient = absl::Milliseconds(11'500);
  return {
      {"UntakenSessions", patient, UntakenSessions, Told::kCut, "unread"},
      {"UntakenBatches", patient, UntakenBatches, Told::kCut, "unread"},
      {"UntakenTokens", patient, UntakenTokens, Told::kCut, "unread"},
      {"UntakenReflection", patient, UntakenReflection, Told::kCut, "unread"},
      {"HealthWatches", absl::Seconds(1), HealthWatches, Told::kLimited,
       "streams"},
      {"TokenWatches", absl::Seconds(1), TokenWatches, Told::kLimited,
       "streams"},
      {"HealthChecks", absl::Seconds(2), HealthChecks, Told::kLimited, "rate"},
      {"MethodsThereAreNot", absl::Seconds(2), MethodsThereAreNot,
       Told::kLimited, "rate"},
      {"HalfHttpRequests", absl::Seconds(2), HalfHttpRequests},
  };
}

}  // namespace wxident

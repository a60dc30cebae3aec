// Attacks by connections, and by what is no HTTP/2.

#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/hostile/again.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

using Told = Attack::Told;

Outcome Say(const Target& target, absl::Time end, const std::string& bytes) {
  return AgainAndAgain(target, end, [&](RawPeer& peer) {
    if (peer.Send(bytes)) peer.Listen(absl::Milliseconds(500));
  });
}

Outcome Garbage(const Target& target, absl::Time end) {
  return Say(target, end, std::string(10'000, '\xa5'));
}
Outcome Http1(const Target& target, absl::Time end) {
  return Say(target, end, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
}
Outcome TlsHello(const Target& target, absl::Time end) {
  // A handshake record of TLS 1.0 with a ClientHello that has only its length.
  return Say(
      target, end,
      absl::StrCat("\x16\x03\x01", BigEndian(512, 2), "\x01", BigEndian(508, 3),
                   "\x03\x03", std::string(506, 'r')));
}

// As many connections as one IP gets with some to spare, and the other side's
// patience is waited for.
Outcome Crowd(const Target& target, absl::Time end, int count,
              const std::string& hello) {
  Outcome outcome;
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < count && absl::Now() < end; ++i) {
    peers.push_back(std::make_unique<RawPeer>(target.addr, end, target.source,
                                              target.manner()));
    if (!hello.empty()) peers.back()->Send(hello);
  }
  for (size_t at = 0; absl::Now() < end && !peers.empty(); ++at)
    peers[at % peers.size()]->Listen(absl::Milliseconds(10));
  for (const auto& peer : peers) {
    ++outcome.connections;
    if (peer->Listen(absl::ZeroDuration())) ++outcome.closed;
  }
  return outcome;
}

Outcome HalfHandshakes(const Target& target, absl::Time end) {
  return Crowd(target, end, 200, "PRI * HT");
}
Outcome SilentConnections(const Target& target, absl::Time end) {
  return Crowd(target, end, 200, "");
}
// What an IP does not get is closed at once.
Outcome IdleConnections(const Target& target, absl::Time end) {
  return Crowd(target, end, 10'000,
               absl::StrCat(kClientMagic, Frame(kSettings, 0, 0),
                            Frame(kSettings, kAck, 0)));
}
Outcome SlowPreface(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    for (const char byte : std::string(kClientMagic))
      if (!peer.Send(std::string(1, byte)) ||
          peer.Listen(absl::Milliseconds(200)))
        return;
  });
}
Outcome ResetsAfterFields(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    peer.Hello();
    peer.Send(Frame(kHeaders, kEndHeaders, 1, Request(kMethod)));
    peer.Reset();
  });
}
Outcome Churn(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) {
    peer.Hello();
    peer.Send(Frame(kHeaders, kEndHeaders, 1, Request(kMethod)));
  });
}

}  // namespace

std::vector<Attack> ConnectionAttacks() {
  const absl::Duration brief = absl::Milliseconds(700);
  // After the server's patience with first words, 3 s.
  const absl::Duration patient = absl::Seconds(4);
  return {
      {"Garbage", brief, Garbage, Told::kNoConnection,
       "it does not speak HTTP/2"},
      {"Http1", brief, Http1, Told::kNoConnection, "it does not speak HTTP/2"},
      {"TlsHello", brief, TlsHello, Told::kNoConnection,
       "it does not speak HTTP/2"},
      {"SlowPreface", patient, SlowPreface, Told::kNoConnection,
       "it does not speak HTTP/2"},
      {"HalfHandshakes", patient, HalfHandshakes, Told::kNoConnection,
       "it does not speak HTTP/2"},
      {"SilentConnections", patient, SilentConnections, Told::kNoConnection,
       "it does not speak HTTP/2"},
      {"IdleConnections", brief, IdleConnections, Told::kRefused,
       "too many connections of its IP"},
      {"ResetsAfterFields", brief, ResetsAfterFields, Told::kRefused,
       "too many connections of its IP without a call"},
      {"Churn", brief, Churn, Told::kRefused, "too many connections of its IP"},
  };
}

}  // namespace wxident

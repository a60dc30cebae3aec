// Attacks by what TLS does before a client is known: certificates and
// handshakes.

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/hostile/again.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

using Told = Attack::Told;

void Add(const Outcome& more, Outcome& outcome) {
  outcome.connections += more.connections;
  outcome.closed += more.closed;
  outcome.heard += more.heard;
}

// Shakes hands again and again, with both versions of TLS.
Outcome ShakeHands(const Target& target, absl::Time end,
                   const TestCertificate* shown,
                   const std::string& chain = "") {
  Outcome outcome;
  for (const int version : {12, 13}) {
    const TlsManner manner(
        {.shown = shown, .chain = chain, .version = version});
    const absl::Time until =
        version == 13 ? end : absl::Now() + (end - absl::Now()) / 2;
    Add(AgainAndAgain(target, until, &manner,
                      [](RawPeer& peer) {
                        // With TLS 1.3 the server looks only now.
                        if (peer.Hello()) peer.Listen(absl::Seconds(1));
                      }),
        outcome);
  }
  return outcome;
}

std::string Repeated(const std::string& pem, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += pem;
  return out;
}

Outcome LargeCertificateMessage(const Target& target, absl::Time end) {
  return ShakeHands(target, end, &target.tls->certificate,
                    Repeated(target.tls->callers_ca.pem, 157));
}
Outcome ManyCertificates(const Target& target, absl::Time end) {
  return ShakeHands(target, end, &target.tls->certificate,
                    Repeated(target.tls->callers_ca.pem, 12));
}
Outcome UnnamedCurve(const Target& target, absl::Time end) {
  const TestCertificate shown =
      MakeTestCertificate({.unnamed_curve = true, .compressed_point = true});
  return ShakeHands(target, end, &shown);
}
Outcome UnnamedCurvesInTheChain(const Target& target, absl::Time end) {
  const TestCertificate bad = MakeTestCertificate(
      {.ca = true, .unnamed_curve = true, .compressed_point = true});
  return ShakeHands(target, end, &target.tls->certificate,
                    Repeated(bad.pem, 7));
}
Outcome DeepChain(const Target& target, absl::Time end) {
  TestCertificate above = MakeTestCa("nobody's");
  std::string chain;
  for (int i = 0; i < 6; ++i) {
    const TestCertificate next = MakeTestCertificate(
        {.name = absl::StrCat("depth ", i), .ca = true}, &above);
    chain = next.pem + chain;
    above = next;
  }
  const TestCertificate shown = MakeTestCertificate({}, &above);
  return ShakeHands(target, end, &shown, chain);
}
Outcome HugeKey(const Target& target, absl::Time end) {
  static const TestCertificate shown =
      MakeTestCertificate({.rsa_bits = 8'192, .rsa_primes = 4});
  return ShakeHands(target, end, &shown);
}
Outcome SelfSigned(const Target& target, absl::Time end) {
  const TestCertificate shown =
      MakeTestCertificate({.uris = {"spiffe://corp/attacker"}});
  return ShakeHands(target, end, &shown);
}
Outcome Expired(const Target& target, absl::Time end) {
  const TestCertificate shown =
      MakeTestCertificate({.uris = {"spiffe://corp/attacker"},
                           .begins = -absl::Hours(9),
                           .ends = -absl::Hours(1)},
                          &target.tls->callers_ca);
  return ShakeHands(target, end, &shown);
}
Outcome NoCertificate(const Target& target, absl::Time end) {
  return ShakeHands(target, end, nullptr);
}

// The first bytes of a connection, and then nothing.
Outcome SayFirst(const Target& target, absl::Time end,
                 const std::string& bytes) {
  return AgainAndAgain(target, end, nullptr, [&](RawPeer& peer) {
    if (peer.SendRaw(bytes)) peer.Listen(absl::Seconds(1));
  });
}

std::string HandshakeRecord(const std::string& bytes) {
  return absl::StrCat("\x16\x03\x01", BigEndian(bytes.size(), 2), bytes);
}
// A ClientHello's header, and so much of its body.
std::string Hello(size_t size, size_t there) {
  return absl::StrCat("\x01", BigEndian(size, 3), std::string(there, 'h'));
}

// As large as OpenSSL takes one; it makes room for all of it at once.
Outcome HugeHello(const Target& target, absl::Time end) {
  return SayFirst(target, end, HandshakeRecord(Hello(131'396, 100)));
}
Outcome HugeHelloInPieces(const Target& target, absl::Time end) {
  std::string bytes;
  for (const char byte : Hello(131'396, 100))
    bytes += HandshakeRecord(std::string(1, byte));
  return SayFirst(target, end, bytes);
}
Outcome HelloByteByByte(const Target& target, absl::Time end) {
  std::string bytes;
  for (const char byte : Hello(2'000, 500))
    bytes += HandshakeRecord(std::string(1, byte));
  return SayFirst(target, end, bytes);
}
// Each record has no content.
Outcome EmptyHandshakeRecords(const Target& target, absl::Time end) {
  return SayFirst(target, end, Repeated(HandshakeRecord(""), 1'000));
}

// 127.0.100.1 and so on.
std::string AddressOf(int number) {
  return absl::StrCat("127.0.", 100 + number / 250, ".", 1 + number % 250);
}

// A hello that is answered, and then nothing, from many addresses.
Outcome HalfHandshakesOfManyAddresses(const Target& target, absl::Time end) {
  constexpr int kAddresses = 100;
  constexpr int kEach = 14;
  const std::string hello = target.tls->manner.ClientHello();
  Outcome outcome;
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < kAddresses * kEach && absl::Now() < end; ++i) {
    peers.push_back(
        std::make_unique<RawPeer>(target.addr, end, AddressOf(i % kAddresses)));
    peers.back()->SendRaw(hello);
  }
  while (absl::Now() < end) peers.back()->Listen(absl::Milliseconds(10));
  for (const auto& peer : peers) {
    if (peer->connected()) ++outcome.connections;
    if (peer->Listen(absl::ZeroDuration())) ++outcome.closed;
  }
  return outcome;
}
// Whole handshakes, which are work, of clients that have no certificate.
Outcome HandshakesOfManyAddresses(const Target& target, absl::Time end) {
  const TlsManner manner({});
  Outcome outcome;
  for (int i = 0; absl::Now() < end; ++i) {
    RawPeer peer(target.addr, end, AddressOf(i % 200), &manner);
    if (peer.connected()) ++outcome.connections;
    if (!peer.open() || peer.Listen(absl::Milliseconds(50))) ++outcome.closed;
  }
  return outcome;
}
Outcome HandshakesAgainAndAgain(const Target& target, absl::Time end) {
  return AgainAndAgain(target, end, [](RawPeer& peer) { peer.Hello(); });
}

}  // namespace

std::vector<Attack> HandshakeAttacks() {
  constexpr Told kNone = Told::kNoConnection;
  constexpr char kNotVerified[] = "certificate verify failed";
  const absl::Duration brief = absl::Milliseconds(700);
  return {
      {"LargeCertificateMessage", brief, LargeCertificateMessage, kNone,
       "excessive message size"},
      {"ManyCertificates", brief, ManyCertificates, kNone,
       "the client has sent too many certificates"},
      {"UnnamedCurve", brief, UnnamedCurve, kNone,
       "a certificate has a key on a curve that has no name"},
      {"UnnamedCurvesInTheChain", brief, UnnamedCurvesInTheChain, kNone,
       "a certificate has a key on a curve that has no name"},
      {"DeepChain", brief, DeepChain, kNone, kNotVerified},
      {"HugeKey", brief, HugeKey, kNone, kNotVerified},
      {"SelfSigned", brief, SelfSigned, kNone, kNotVerified},
      {"Expired", brief, Expired, kNone, kNotVerified},
      {"NoCertificate", brief, NoCertificate, kNone,
       "peer did not return a certificate"},
      {"HugeHello", brief, HugeHello, kNone, "the client's hello is too large"},
      {"HugeHelloInPieces", brief, HugeHelloInPieces, kNone,
       "the client's hello is too large"},
      {"HelloByteByByte", brief, HelloByteByByte, kNone,
       "too many TLS records without data"},
      {"EmptyHandshakeRecords", brief, EmptyHandshakeRecords, kNone, ""},
      {"HalfHandshakesOfManyAddresses", absl::Seconds(2),
       HalfHandshakesOfManyAddresses, kNone, "too many handshakes at once"},
      {"HandshakesOfManyAddresses", absl::Seconds(2), HandshakesOfManyAddresses,
       kNone, "peer did not return a certificate"},
      {"HandshakesAgainAndAgain", brief, HandshakesAgainAndAgain,
       Told::kRefused, "too many connections of its IP without a call"},
  };
}

}  // namespace wxident

#ifndef WXIDENT_TESTS_HOSTILE_AGAIN_H_
#define WXIDENT_TESTS_HOSTILE_AGAIN_H_

#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/hostile/attacks.h"
#include "tests/hostile/raw_peer.h"

namespace wxident {

inline constexpr char kMethod[] = "/wxident.v1.IdentityService/ValidateSession";

// Lets `attack` have one connection after the other, as fast as they come. Of
// those with TLS whose handshake fails it hears nothing.
template <typename AttackOnce>
Outcome AgainAndAgain(const Target& target, absl::Time end,
                      const TlsManner* manner, const AttackOnce& attack) {
  Outcome outcome;
  while (absl::Now() < end) {
    RawPeer peer(target.addr, end, target.source, manner);
    if (!peer.connected()) continue;
    ++outcome.connections;
    if (peer.open()) attack(peer);
    if (!peer.open()) ++outcome.closed;
    outcome.heard += peer.heard();
    // A server that takes no more connections of ours for a moment must not be
    // asked a million times.
    if (peer.heard().empty()) absl::SleepFor(absl::Milliseconds(1));
  }
  return outcome;
}

template <typename AttackOnce>
Outcome AgainAndAgain(const Target& target, absl::Time end,
                      const AttackOnce& attack) {
  return AgainAndAgain(target, end, target.manner(), attack);
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_HOSTILE_AGAIN_H_

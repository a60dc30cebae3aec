#ifndef WXIDENT_TESTS_HOSTILE_ATTACKS_H_
#define WXIDENT_TESTS_HOSTILE_ATTACKS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace wxident {

// Whom to attack, and from where.
struct Target {
  // host:port.
  std::string addr;
  // A loopback address, "127.0.0.9": to the server another host.
  std::string source;
};

// What a server did about an attack.
struct Outcome {
  // Connections that it took and that it ended while the attack went on.
  int connections = 0;
  int closed = 0;
  // All that they heard.
  std::string heard;
};

// One way to be a nuisance over HTTP/2.
struct Attack {
  std::string name;
  absl::Duration time;
  // The server is to end the attacker's connection.
  bool must_be_closed;
  // What an answer holds, if one is due.
  std::string answer;
  // Goes on until `end`.
  Outcome (*run)(const Target& target, absl::Time end);
};

// Of streams and calls; of frames and HPACK; of requests; of connections.
std::vector<Attack> StreamAttacks();
std::vector<Attack> FrameAttacks();
std::vector<Attack> RequestAttacks();
std::vector<Attack> ConnectionAttacks();

}  // namespace wxident

#endif  // WXIDENT_TESTS_HOSTILE_ATTACKS_H_

#ifndef WXIDENT_TESTS_HOSTILE_ATTACKS_H_
#define WXIDENT_TESTS_HOSTILE_ATTACKS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace wxident {

// What a server did about an attack.
struct Outcome {
  // Connections that it took and that it ended while the attack went on.
  int connections = 0;
  int closed = 0;
  // What the last one of them that heard anything has heard.
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
  // Attacks the server at `addr` until `end`.
  Outcome (*run)(const std::string& addr, absl::Time end);
};

// Of streams and calls; of frames and HPACK; of requests; of connections.
std::vector<Attack> StreamAttacks();
std::vector<Attack> FrameAttacks();
std::vector<Attack> RequestAttacks();
std::vector<Attack> ConnectionAttacks();

}  // namespace wxident

#endif  // WXIDENT_TESTS_HOSTILE_ATTACKS_H_

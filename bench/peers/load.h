#ifndef WXIDENT_BENCH_PEERS_LOAD_H_
#define WXIDENT_BENCH_PEERS_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/peers/h2_connection.h"

namespace wxident {

struct LoadOptions {
  std::string host;
  uint16_t port = 0;
  // Of the method: "/wxident.v1.IdentityService/GetUser".
  std::string path;
  // Null: plain text.
  const TlsClient* tls = nullptr;
  // Messages in their wire format, sent in turn: over and over, or each once.
  std::vector<std::string> requests;
  bool each_once = false;
  // Calls that are under way at once, spread over the connections.
  size_t in_flight = 1;
  size_t connections = 1;
  // What is not measured, and then what is. Where each request is sent once,
  // the run may end earlier.
  absl::Duration warm_up;
  absl::Duration time = absl::Seconds(1);
  // Called when the measuring begins.
  std::function<void()> on_begin = [] {};
  // Called when it ends, before anything is computed.
  std::function<void()> on_end = [] {};
};

// Of the calls that ended while it was measured.
struct LoadResult {
  absl::Duration took;
  // Calls with a whole answer and gRPC's status 0.
  uint64_t answered = 0;
  // All others, by gRPC's status.
  std::map<int, uint64_t> failed;
  // Of the answered: how long they took, and how large their messages were.
  absl::Duration p50, p99, longest;
  size_t least_answer = 0, largest_answer = 0;
  // Of this thread.
  absl::Duration own_cpu;
  // Whether all requests had been sent before the time was over.
  bool ran_out = false;
};

// Calls a server in one thread: the next call begins as soon as one ends. Waits
// for the last ones at the end. Fails when a connection cannot be made or
// breaks, when the server lets fewer calls run at once than are asked for, and
// when it does not answer for 15 s. The process must ignore SIGPIPE.
absl::StatusOr<LoadResult> RunLoad(const LoadOptions& options);

}  // namespace wxident

#endif  // WXIDENT_BENCH_PEERS_LOAD_H_

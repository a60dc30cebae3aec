#ifndef WXIDENT_BENCH_RAW_LOAD_H_
#define WXIDENT_BENCH_RAW_LOAD_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/tls/tls_client.h"

namespace wxident {

// Makes the same unary call again and again over a few connections, with bytes
// that are ready before: what is measured is the server, not this. One thread.
class RawLoad {
 public:
  struct Options {
    std::string addr;
    std::string path;
    // One message.
    std::string request;
    int connections = 1;
    // Calls of each connection at once.
    int in_flight = 1;
    // nullptr: plain text; `cas` vouch for the server.
    const TlsClientOptions* tls = nullptr;
    std::string cas;
  };

  explicit RawLoad(const Options& options);
  ~RawLoad();

  struct Pace {
    double calls_per_second;
    // Of this process without this thread.
    double server_cpu_us;
  };
  // Ends the process when a call fails.
  Pace Run(absl::Duration time);

 private:
  class Connection;

  const int in_flight_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace wxident

#endif  // WXIDENT_BENCH_RAW_LOAD_H_

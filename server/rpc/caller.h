#ifndef WXIDENT_SERVER_RPC_CALLER_H_
#define WXIDENT_SERVER_RPC_CALLER_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/edge/call.h"

namespace wxident {

// Tells who calls. Thread-safe.
class Callers {
 public:
  virtual ~Callers() = default;

  // The caller's id, the one URI of its certificate. Metadata counts for
  // nothing, but from proxies that the configuration names. Errors:
  // CALLER_UNAUTHENTICATED. Does not block.
  virtual absl::StatusOr<std::string> Identify(const Call& call) = 0;
};

// Where there is no TLS, on loopback: everybody is "loopback".
class LoopbackCallers final : public Callers {
 public:
  absl::StatusOr<std::string> Identify(const Call&) override {
    return std::string("loopback");
  }
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_CALLER_H_

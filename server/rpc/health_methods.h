#ifndef WXIDENT_SERVER_RPC_HEALTH_METHODS_H_
#define WXIDENT_SERVER_RPC_HEALTH_METHODS_H_

#include <atomic>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "server/edge/call.h"
#include "server/rpc/admit_call.h"

namespace wxident {

// gRPC's health service, grpc.health.v1: one status for the server and all that
// it serves, NOT_SERVING until SetServing. A watcher that does not read misses
// what changes meanwhile and is told the newest. Watches end with UNAVAILABLE
// when their connection is to end, so that they hold up no stop, and their
// clients look again. Outlives the server that has its methods. Thread-safe.
class Health {
 public:
  // `names` are the services that it knows besides "", the server as a whole.
  Health(const std::vector<std::string>& names, AdmitCall admit);
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  EdgeMethods Methods();

  void SetServing(bool serving);

 private:
  class CheckCall;
  class WatchCall;

  // The status of a service, as the protocol's number.
  int StatusOf(absl::string_view service) const;

  const absl::flat_hash_set<std::string> names_;
  const AdmitCall admit_;
  std::atomic<bool> serving_{false};
  // Held while watchers are told.
  std::mutex mutex_;
  std::unordered_set<WatchCall*> watchers_;  // guarded by mutex_
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_HEALTH_METHODS_H_

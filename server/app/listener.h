#ifndef WXIDENT_SERVER_APP_LISTENER_H_
#define WXIDENT_SERVER_APP_LISTENER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/metrics.h"
#include "server/edge/edge_server.h"
#include "server/rpc/admit_call.h"
#include "server/rpc/health_methods.h"

namespace wxident {

// One address where gRPC is served: some services, their health, and their
// description where that is wanted. Thread-safe.
class Listener {
 public:
  struct Options {
    // Its methods are those of the services.
    EdgeServer::Options edge;
    // The services' full names.
    std::vector<std::string> services;
    // What health knows besides "".
    std::vector<std::string> health_names;
    bool reflection = false;
    // Of calls of health and reflection.
    AdmitCall admit;
  };

  // Health says NOT_SERVING until SetServing. Errors: as of EdgeServer::Start
  // and ReflectionMethods.
  static absl::StatusOr<std::unique_ptr<Listener>> Start(Options options,
                                                         Metrics& metrics);

  // host:port with the real port.
  const std::string& addr() const { return server_->addr(); }

  void SetServing(bool serving) { health_.SetServing(serving); }

  // See EdgeServer::Stop.
  void Stop(absl::Duration timeout) { server_->Stop(timeout); }

 private:
  explicit Listener(const Options& options)
      : health_(options.health_names, options.admit) {}

  Health health_;
  std::unique_ptr<EdgeServer> server_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_LISTENER_H_

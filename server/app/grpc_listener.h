#ifndef WXIDENT_SERVER_APP_GRPC_LISTENER_H_
#define WXIDENT_SERVER_APP_GRPC_LISTENER_H_

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/metrics.h"
#include "server/front/front.h"

namespace wxident {

// One address where gRPC is served: our front, a hardened grpc::Server behind
// it with the standard health service, and some services. Thread-safe.
class GrpcListener {
 public:
  struct Options {
    Front::Options front;
    // Not owned; must outlive the listener.
    std::vector<grpc::Service*> services;
    // Names that the health service knows besides "".
    std::vector<std::string> health_names;
  };

  // Health says NOT_SERVING until SetServing.
  static absl::StatusOr<std::unique_ptr<GrpcListener>> Start(Options options,
                                                             Metrics& metrics);
  ~GrpcListener();

  // Turns on server reflection, or channelz, for every listener started later:
  // the library has no finer switch.
  static absl::Status EnableReflection();
  static void EnableChannelz();

  const std::string& addr() const { return front_->addr(); }

  void SetServing(bool serving);

  // Accepts no more, lets running calls end, and cuts what still runs after
  // `timeout`. Returns when every call has ended.
  void Stop(absl::Duration timeout);

 private:
  GrpcListener() = default;

  std::vector<std::string> health_names_;
  std::unique_ptr<Front> front_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_GRPC_LISTENER_H_

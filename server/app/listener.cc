#include "server/app/listener.h"

#include <utility>

#include "absl/status/status.h"
#include "server/base/status_macros.h"
#include "server/edge/call.h"
#include "server/policy/access_control.h"
#include "server/rpc/reflection_methods.h"
#include "server/rpc/status.h"

namespace wxident {

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(Options options,
                                                          Metrics& metrics) {
  std::unique_ptr<Listener> listener(new Listener(options));
  options.edge.methods.merge(listener->health_.Methods());
  if (options.reflection) {
    WX_ASSIGN_OR_RETURN(EdgeMethods reflection,
                        ReflectionMethods(options.services, options.admit));
    options.edge.methods.merge(reflection);
  }
  options.edge.no_such_method = [admit = options.admit](const Call& call) {
    const auto admitted = admit(call, AccessControl::Kind::kUnary);
    if (!admitted.ok()) return ToCallStatus(admitted.status());
    return CallStatus{.code = absl::StatusCode::kUnimplemented,
                      .message = "there is no such method"};
  };
  WX_ASSIGN_OR_RETURN(listener->server_,
                      EdgeServer::Start(std::move(options.edge), metrics));
  return listener;
}

}  // namespace wxident

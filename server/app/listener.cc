#include "server/app/listener.h"

#include <utility>

#include "server/base/status_macros.h"
#include "server/rpc/reflection_methods.h"

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
  WX_ASSIGN_OR_RETURN(listener->server_,
                      EdgeServer::Start(std::move(options.edge), metrics));
  return listener;
}

}  // namespace wxident

#ifndef WXIDENT_SERVER_RPC_RPC_H_
#define WXIDENT_SERVER_RPC_RPC_H_

#include <google/protobuf/descriptor.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/metrics.h"
#include "server/edge/call.h"
#include "server/policy/access_control.h"
#include "server/rpc/audited.h"
#include "server/rpc/services.h"

namespace wxident {

// One RPC of the contract, and what is the same for all of its calls: found out
// once. Thread-safe.
class Rpc {
 public:
  // `request` is the type of its requests, of which each RPC has its own. One
  // that is no RPC's ends the process.
  Rpc(const Services& services, const google::protobuf::Descriptor& request);

  const Services& services() const { return services_; }
  // Without its service: "Login".
  const std::string& name() const { return method_.name(); }
  // "/wxident.v1.IdentityService/Login".
  std::string path() const;
  Audited audited() const { return audited_; }
  AccessControl::Kind kind() const {
    return method_.server_streaming() ? AccessControl::Kind::kStream
                                      : AccessControl::Kind::kUnary;
  }

  // A call has ended, with "OK" or why not.
  void Measure(absl::string_view reason, absl::Duration took) const;

 private:
  const Services services_;
  const google::protobuf::MethodDescriptor& method_;
  const Audited audited_;
  // Of calls that end well.
  Timing& ok_;
};

// A method's path, and how its calls begin.
using RpcMethod = std::pair<std::string, EdgeMethod>;

// The method whose calls are Handlers, made of its Rpc and a Call each.
template <typename Handler>
RpcMethod MethodOf(const Services& services) {
  auto rpc =
      std::make_shared<const Rpc>(services, *Handler::Request::descriptor());
  std::string path = rpc->path();
  return {std::move(path),
          {.start = [rpc = std::move(rpc)](
                        Call& call) -> std::unique_ptr<CallHandler> {
            return std::make_unique<Handler>(*rpc, call);
          }}};
}

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_RPC_H_

#ifndef WXIDENT_SERVER_RPC_RPC_H_
#define WXIDENT_SERVER_RPC_RPC_H_

#include <google/protobuf/descriptor.h>

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/metrics.h"
#include "server/edge/call.h"
#include "server/policy/access_control.h"
#include "server/rpc/method_rules.h"
#include "server/rpc/services.h"

namespace wxident {

// One RPC of the contract, and what is the same for all of its calls: found out
// once. Thread-safe.
class Rpc {
 public:
  // `request` is the type of its requests, of which each RPC has its own. One
  // that is no RPC's, or of an RPC without rules, ends the process.
  Rpc(const Services& services, const google::protobuf::Descriptor& request);

  const Services& services() const { return services_; }
  // Without its service: "Login".
  const std::string& name() const { return method_.name(); }
  // "/wxident.v1.IdentityService/Login".
  std::string path() const;
  const MethodRules& rules() const { return rules_; }
  AccessControl::Kind kind() const {
    return method_.server_streaming() ? AccessControl::Kind::kStream
                                      : AccessControl::Kind::kUnary;
  }

  // A call has ended, with "OK" or why not.
  void Measure(absl::string_view reason, absl::Duration took) const;

 private:
  const Services services_;
  const google::protobuf::MethodDescriptor& method_;
  const MethodRules rules_;
  // Of calls that end well.
  Timing& ok_;
};

// A method's path, and how its calls begin.
using RpcMethod = std::pair<std::string, EdgeMethod>;

// The method whose calls are Handlers, made of its Rpc and a Call each. It is
// defined in rpc/method_of.h, for the file that has the Handler.
template <typename Handler>
RpcMethod MethodOf(const Services& services);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_RPC_H_

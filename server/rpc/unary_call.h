#ifndef WXIDENT_SERVER_RPC_UNARY_CALL_H_
#define WXIDENT_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/rpc/services.h"

namespace wxident {

// One unary RPC on its way. A subclass is made by its service method and has
// one method per step; exactly one step ends with Succeed or Fail, after which
// nothing of the call may be touched. The call deletes itself when gRPC is done
// with it. gRPC's threads and the stores' run the steps, one at a time.
class UnaryCall : public grpc::ServerUnaryReactor {
 protected:
  // `rpc` is the method's name, a literal.
  UnaryCall(const Services& services, absl::string_view rpc,
            grpc::CallbackServerContext& context);

  void Succeed() { End(absl::OkStatus()); }
  void Fail(const absl::Status& error) { End(error); }

  // The caller's deadline: at most 10 s from the start, 3 s when it set none.
  Deadline deadline() const { return deadline_; }

  const Services& services_;

 private:
  void End(const absl::Status& status);
  void OnDone() override { delete this; }

  const absl::string_view rpc_;
  const absl::Duration began_;
  const Deadline deadline_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_UNARY_CALL_H_

#ifndef WXIDENT_SERVER_RPC_UNARY_CALL_H_
#define WXIDENT_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/base/deadline.h"
#include "server/rpc/call_record.h"
#include "server/rpc/services.h"
#include "server/rpc/status.h"

namespace wxident {

// One unary RPC on its way. A subclass is made by its service method and has
// one method per step; exactly one step ends with Succeed or Fail, after which
// nothing of the call may be touched. The call deletes itself when gRPC
// is done with it. gRPC's threads and the stores' run the steps, one at a time.
class UnaryCall : public grpc::ServerUnaryReactor {
 protected:
  // `rpc` is the method's name, a literal.
  UnaryCall(const Services& services, absl::string_view rpc,
            grpc::CallbackServerContext& context)
      : services_(services), record_(services, rpc, context) {}

  void Succeed() { Finish(record_.End(absl::OkStatus())); }
  void Fail(const absl::Status& error, Repeat repeat = Repeat::kSafe) {
    Finish(record_.End(error, repeat));
  }

  // The caller's deadline: at most 10 s from the start, 3 s when it set none.
  Deadline deadline() const { return record_.deadline(); }

  const Services& services_;

 private:
  void OnDone() override { delete this; }

  CallRecord record_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_UNARY_CALL_H_

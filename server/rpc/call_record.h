#ifndef WXIDENT_SERVER_RPC_CALL_RECORD_H_
#define WXIDENT_SERVER_RPC_CALL_RECORD_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/rpc/services.h"
#include "server/rpc/status.h"

namespace wxident {

// What an RPC of any kind has besides its steps: a deadline, and an end that is
// logged, measured and told to gRPC. Part of the call object. Exactly one of
// the two Ends is called, once, by whichever thread ends the call.
class CallRecord {
 public:
  // `rpc` is the method's name, a literal. `services` and `context` outlive it.
  CallRecord(const Services& services, absl::string_view rpc,
             grpc::CallbackServerContext& context);

  // The caller's deadline: at most 10 s from the start, 3 s when it set none.
  Deadline deadline() const { return deadline_; }

  // What goes to Finish, after this.
  grpc::Status End(const absl::Status& status, Repeat repeat = Repeat::kSafe);

  // The caller has gone; what goes to Finish reaches nobody.
  grpc::Status EndCancelled();

 private:
  void Measure(absl::string_view reason);

  const Services& services_;
  grpc::CallbackServerContext& context_;
  const absl::string_view rpc_;
  const absl::Duration began_;
  const Deadline deadline_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_CALL_RECORD_H_

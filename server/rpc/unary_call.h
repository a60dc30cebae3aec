#ifndef WXIDENT_SERVER_RPC_UNARY_CALL_H_
#define WXIDENT_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/base/deadline.h"
#include "server/rpc/call_record.h"
#include "server/rpc/services.h"
#include "server/rpc/status.h"

namespace wxident {

// One unary RPC on its way. A subclass is made by its service method, which
// begins it, and has one method per step; exactly one step ends with Succeed or
// Fail, after which nothing of the call may be touched. The call deletes itself
// when gRPC is done with it. gRPC's threads and the stores' run the steps, one
// at a time.
class UnaryCall : public grpc::ServerUnaryReactor {
 public:
  // Starts the call if the caller may call the method at all. The steps then
  // ask Allow as soon as they know the app, before anything is done or told.
  void Begin() {
    const absl::Status admitted = record_.Admit();
    if (!admitted.ok()) return Fail(admitted);
    Start();
  }

 protected:
  // `rpc` is the method's name, a literal.
  UnaryCall(const Services& services, absl::string_view rpc,
            grpc::CallbackServerContext& context)
      : services_(services), record_(services, rpc, context) {}

  // The first step.
  virtual void Start() = 0;

  // The answer leaves when the audit log has its line, if it needs one.
  void Succeed() {
    record_.Release([this](absl::Status audited) {
      // What the call did is done.
      Finish(record_.End(audited, Repeat::kSpent));
    });
  }
  void Fail(const absl::Status& error, Repeat repeat = Repeat::kSafe) {
    Finish(record_.End(error, repeat));
  }

  // See CallRecord.
  absl::Status Allow(absl::string_view app_id) { return record_.Allow(app_id); }
  absl::Status AllowEveryApp() { return record_.AllowEveryApp(); }
  bool AllowsEveryApp() { return record_.AllowsEveryApp(); }
  void ConcernsNoApp() { record_.ConcernsNoApp(); }
  void Concerns(std::string subject) { record_.Concerns(std::move(subject)); }

  // The caller's deadline: at most 10 s from the start, 3 s when it set none.
  Deadline deadline() const { return record_.deadline(); }

  const Services& services_;
  CallRecord record_;

 private:
  void OnDone() override { delete this; }
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_UNARY_CALL_H_

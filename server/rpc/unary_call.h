#ifndef WXIDENT_SERVER_RPC_UNARY_CALL_H_
#define WXIDENT_SERVER_RPC_UNARY_CALL_H_

#include <google/protobuf/message.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/base/deadline.h"
#include "server/edge/call.h"
#include "server/rpc/rpc.h"
#include "server/rpc/rpc_context.h"
#include "server/rpc/services.h"
#include "server/rpc/status.h"

namespace wxident {

// What a UnaryCall is but for the types of its messages.
class UnaryCallBase : public CallHandler {
 public:
  // Starts the call if the caller may call the method at all. The steps then
  // ask Allow as soon as they know the app, before anything is done or told.
  void OnMessage(absl::string_view message) final;

 protected:
  // Both outlive it.
  UnaryCallBase(const Rpc& rpc, Call& call)
      : services_(rpc.services()), context_(rpc, call), call_(call) {}

  // The first step.
  virtual void Start() = 0;

  // The answer leaves when the audit log has its line, if it needs one.
  void Succeed();
  void Fail(const absl::Status& error, Repeat repeat = Repeat::kSafe);

  // Whether nobody waits for the answer any more. A call that has not come to
  // anything yet may then end here, before it costs more; one that has goes on.
  bool IsForNobody() const { return call_.cancelled(); }
  void GiveUp();

  // See RpcContext.
  absl::Status Allow(absl::string_view app_id) {
    return context_.Allow(app_id);
  }
  absl::Status AllowEveryApp() { return context_.AllowEveryApp(); }
  bool AllowsEveryApp() { return context_.AllowsEveryApp(); }
  void ConcernsNoApp() { context_.ConcernsNoApp(); }
  void SetSubject(std::string subject) {
    context_.SetSubject(std::move(subject));
  }

  // The caller's deadline: at most 10 s from the start, 3 s when it set none.
  Deadline deadline() const { return context_.deadline(); }

  const Services& services_;
  RpcContext context_;

 private:
  virtual google::protobuf::Message& request_message() = 0;
  virtual const google::protobuf::Message& response_message() const = 0;

  void OnReleased(const absl::Status& audited);

  Call& call_;
};

// One unary RPC on its way. A subclass has one method per step; exactly one
// step ends with Succeed, Fail or GiveUp, after which nothing of the call may
// be touched. The edge's loops and the stores' threads run the steps, one at a
// time.
template <typename RequestType, typename ResponseType>
class UnaryCall : public UnaryCallBase {
 public:
  using Request = RequestType;

  UnaryCall(const Rpc& rpc, Call& call) : UnaryCallBase(rpc, call) {}

 protected:
  Request request_;
  ResponseType response_;

 private:
  google::protobuf::Message& request_message() final { return request_; }
  const google::protobuf::Message& response_message() const final {
    return response_;
  }
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_UNARY_CALL_H_

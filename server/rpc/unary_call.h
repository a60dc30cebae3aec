#ifndef WXIDENT_SERVER_RPC_UNARY_CALL_H_
#define WXIDENT_SERVER_RPC_UNARY_CALL_H_

#include <google/protobuf/message.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/edge/call.h"
#include "server/identity/authorized.h"
#include "server/identity/types.h"
#include "server/person/authorized.h"
#include "server/rpc/method_of.h"
#include "server/rpc/rpc.h"
#include "server/rpc/rpc_context.h"
#include "server/rpc/services.h"
#include "server/rpc/status.h"
#include "server/store/identity_store.h"
#include "server/store/profile_store.h"

namespace wxident {

// What a UnaryCall is but for the types of its messages.
class UnaryCallBase : public CallHandler {
 public:
  // Starts the call if the caller may call the method at all.
  void OnMessage(absl::string_view message) final;

 protected:
  // Both outlive it.
  UnaryCallBase(const Rpc& rpc, Call& call)
      : flows_(rpc.services().flows),
        context_(rpc, call),
        services_(rpc.services()),
        call_(call) {}

  // The first step. It asks the guard (RpcContext) for what the request names,
  // or looks up below whom it is about.
  virtual void Start() = 0;

  // The answer leaves when the audit log has its line, if it needs one. `proof`
  // is any value of the guard's that this call was given.
  void Succeed(const Authorized& proof);
  // `repeat` is given by who knows more than the method's rules.
  void Fail(const absl::Status& error,
            std::optional<Repeat> repeat = std::nullopt);

  // Each of these finds out whom the call is about, and goes on with `next` if
  // the caller may know. Else the call ends: with the store's error or the
  // guard's, with SESSION_NOT_ACTIVE or USER_NOT_FOUND where nobody is found;
  // or because its caller has left meanwhile, so that nothing more is asked or
  // sent for nobody.
  template <typename T>
  using Next = absl::AnyInvocable<void(T) &&>;
  // Of an active session, by SessionTokenField's hash.
  void FindSession(std::string token_hash, Next<AuthorizedPerson> next);
  void FindKeys(std::string token_hash, Next<AuthorizedKeys> next);
  void FindProfile(ProfileQuery query, Next<AuthorizedProfile> next);
  void FindUsers(std::vector<UserQuery> queries, Next<AuthorizedUsers> next);
  // A token that is or was of a session; nullopt if it is nobody's.
  void FindToken(std::string token_hash,
                 Next<std::optional<AuthorizedToken>> next);
  // `next` gets nullptr if the session is not active. From memory without a
  // change of thread, see SessionCache::Check.
  template <typename Step>
  void CheckSession(std::string token_hash, bool strong, Step next) {
    if (token_hash.empty()) return next(nullptr);
    services_.session_cache.Check(
        std::move(token_hash), strong, deadline(),
        [this, next](absl::StatusOr<std::optional<Session>> found) {
          if (!found.ok()) return Fail(found.status());
          if (!found->has_value()) return next(nullptr);
          const absl::StatusOr<AuthorizedSession> session =
              context_.AuthorizeSession(**found);
          if (!session.ok()) return Fail(session.status());
          next(&*session);
        });
  }
  // Every app of the configuration.
  const Apps& AllApps(const AuthorizedEveryApp&) const {
    return services_.apps;
  }

  // The caller's deadline, as the method's rules bound it.
  Deadline deadline() const { return context_.deadline(); }

  const Flows& flows_;
  RpcContext context_;

 private:
  virtual google::protobuf::Message& request_message() = 0;
  virtual const google::protobuf::Message& response_message() const = 0;

  // The last step of each look-up: `allowed` is the guard's answer.
  template <typename T>
  void GoOn(absl::StatusOr<T> allowed, Next<T> next);
  void OnReleased(const absl::Status& audited);

  const Services& services_;
  Call& call_;
};

// One unary RPC on its way. A subclass has one method per step; exactly one
// step ends with Succeed or Fail, or none where a look-up has ended the call,
// after which nothing of the call may be touched. The edge's loops and the
// stores' threads run the steps, one at a time.
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

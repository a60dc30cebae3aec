// What a call cannot be written without. Most of it is found out when this file
// is compiled.

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <utility>

#include "server/identity/authorized.h"
#include "server/person/authorized.h"
#include "server/rpc/rpc_context.h"
#include "server/rpc/unary_call.h"
#include "server/session/code_exchange.h"
#include "server/session/session_changes.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {
namespace {

// A call, with what its steps may use.
class Probe : public UnaryCall<v1::ListAppsRequest, v1::ListAppsResponse> {
 public:
  using UnaryCall::AllApps;
  using UnaryCall::context_;
  using UnaryCall::flows_;
  using UnaryCall::Succeed;
};

template <typename... Proof>
concept Succeeds = requires(Probe& call, Proof... proof) {
  call.Succeed(proof...);
};

static_assert(!Succeeds<>, "a call that asked for nothing has an answer");
static_assert(!Succeeds<bool>);
static_assert(!Succeeds<std::string>);
static_assert(!Succeeds<App>);
static_assert(!Succeeds<Session>);
static_assert(!Succeeds<absl::Status>);
static_assert(!Succeeds<absl::StatusOr<AuthorizedApp>>,
              "an answer of the guard that was not looked at");
static_assert(Succeeds<AuthorizedApp>);
static_assert(Succeeds<AuthorizedEveryApp>);
static_assert(Succeeds<AuthorizedKeys>);
static_assert(Succeeds<NoApp>);

// Nothing leaves past the audit log without a proof, either.
template <typename... Arguments>
concept Commits = requires(RpcContext& context, Arguments... arguments) {
  context.CommitAudit(std::move(arguments)...);
};
static_assert(!Commits<DoneStatus>);
static_assert(Commits<Authorized, DoneStatus>);

// Nobody else makes what the guard gives.
template <typename Value, typename... Arguments>
constexpr bool IsGuarded = !std::is_constructible_v<Value, Arguments...> &&
                           !std::is_default_constructible_v<Value>;
static_assert(IsGuarded<Authorized>);
static_assert(IsGuarded<NoApp, Authorized>);
static_assert(IsGuarded<AuthorizedEveryApp, Authorized>);
static_assert(IsGuarded<AuthorizedApp, Authorized, const App&>);
static_assert(IsGuarded<AuthorizedApp, const App&>);
static_assert(IsGuarded<AuthorizedPerson, AuthorizedApp, Identity>);
static_assert(IsGuarded<AuthorizedSession, Authorized, const Session&>);
static_assert(IsGuarded<AuthorizedKeys, AuthorizedApp, SessionWithKeys>);
static_assert(IsGuarded<AuthorizedProfile, Authorized, StoredProfile>);
static_assert(IsGuarded<AuthorizedToken, Authorized, std::string>);
static_assert(IsGuarded<AuthorizedUsers, Authorized, AuthorizedUsers::Users>);
// Nor by deriving from it.
struct Forged : Authorized {};
static_assert(!std::is_default_constructible_v<Forged>);

// Flows want what they are about from the guard.
template <typename App>
concept LogsIn = requires(CodeExchange& flow, const App& app, Secret code,
                          Deadline deadline, Done<CodeExchange::Answer> done) {
  flow.Login(app, "caller", std::move(code), absl::Hours(1), deadline,
             std::move(done));
};
static_assert(!LogsIn<App>);
static_assert(!LogsIn<Authorized>);
static_assert(LogsIn<AuthorizedApp>);

template <typename Token>
concept Revokes = requires(SessionChanges& flow, const Token& token,
                           Deadline deadline, Done<int> done) {
  flow.Revoke(token, deadline, std::move(done));
};
static_assert(!Revokes<std::string>);
static_assert(!Revokes<AuthorizedApp>);
static_assert(Revokes<AuthorizedToken>);

template <typename Right>
concept ListsApps = requires(Probe& call, const Right& right) {
  call.AllApps(right);
};
static_assert(!ListsApps<AuthorizedApp>);
static_assert(ListsApps<AuthorizedEveryApp>);

// Calls have the flows, and not the stores and the configuration behind them.
template <typename Call>
concept HasServices = requires(Call& call) {
  call.services_;
};
static_assert(!HasServices<Probe>);

// A value that waits with a step must not cost memory of its own.
TEST(GuardTest, ProofsAreCopiedForNothing) {
  EXPECT_TRUE(std::is_trivially_copyable_v<Authorized>);
  EXPECT_TRUE(std::is_trivially_copyable_v<AuthorizedApp>);
  EXPECT_EQ(sizeof(AuthorizedApp), sizeof(void*));
}

}  // namespace
}  // namespace wxident

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/follower_refresh.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

constexpr int kMost = 500;

class BatchGetUsersCall final : public UnaryCall {
 public:
  BatchGetUsersCall(const Services& services,
                    grpc::CallbackServerContext& context,
                    const v1::BatchGetUsersRequest& request,
                    v1::BatchGetUsersResponse& response)
      : UnaryCall(services, "BatchGetUsers", context),
        request_(request),
        response_(response) {}

  void Start() override {
    absl::StatusOr<std::vector<UserQuery>> queries = Queries();
    if (!queries.ok()) return Fail(queries.status());
    if (queries->empty()) {
      ConcernsNoApp();  // asked for nobody
      return Succeed();
    }
    Find(*std::move(queries), [this](const Found& found) {
      if (request_.refresh_followers()) return Refresh(found);
      Answer(found);
    });
  }

 private:
  using Found = std::vector<std::optional<UserWithIdentities>>;

  absl::StatusOr<std::vector<UserQuery>> Queries() {
    if (request_.identity_refs_size() > kMost)
      return FieldError("identity_refs", "has more than 500 entries");
    if (request_.user_ids_size() > kMost)
      return FieldError("user_ids", "has more than 500 entries");
    if (request_.identity_refs_size() > 0 && request_.user_ids_size() > 0)
      return FieldError("user_ids", "must be empty when identity_refs is not");
    if (request_.user_ids_size() > 0 && request_.refresh_followers())
      return FieldError("refresh_followers", "needs identity_refs");
    std::vector<UserQuery> queries;
    for (int i = 0; i < request_.identity_refs_size(); ++i) {
      const v1::IdentityRef& ref = request_.identity_refs(i);
      WX_RETURN_IF_ERROR(IdentityRefField(
          record_, absl::StrCat("identity_refs[", i, "]"), ref));
      queries.push_back(ByOpenid{ref.app_id(), ref.openid()});
    }
    for (int i = 0; i < request_.user_ids_size(); ++i) {
      WX_RETURN_IF_ERROR(
          UserIdField(absl::StrCat("user_ids[", i, "]"), request_.user_ids(i)));
      queries.push_back(ByUserId{request_.user_ids(i)});
    }
    return queries;
  }

  // Goes on with `next` if the store answers.
  template <typename Next>
  void Find(std::vector<UserQuery> queries, Next next) {
    services_.identities.FindUsers(std::move(queries), deadline(),
                                   [this, next](absl::StatusOr<Found> found) {
                                     if (!found.ok())
                                       return Fail(found.status());
                                     for (auto& user : *found)
                                       KeepAllowed(record_, user);
                                     next(*found);
                                   });
  }

  // Asks WeChat only about who is known: nothing is stored of others, and one
  // openid that WeChat does not know would spoil all.
  void Refresh(const Found& found) {
    std::map<const App*, std::set<std::string>> openids;
    for (int i = 0; i < request_.identity_refs_size(); ++i) {
      const v1::IdentityRef& ref = request_.identity_refs(i);
      const App* app = services_.apps.Find(ref.app_id());
      if (found[i].has_value() && app->kind == AppKind::kOfficialAccount)
        openids[app].insert(ref.openid());
    }
    if (openids.empty()) return Answer(found);
    RefreshFollowers(
        services_, openids, deadline(), [this](const absl::Status& refreshed) {
          if (!refreshed.ok()) return Fail(refreshed);
          Find(*Queries(), [this](const Found& now) { Answer(now); });
        });
  }

  void Answer(const Found& found) {
    for (const std::optional<UserWithIdentities>& user : found) {
      v1::FoundUser& answer = *response_.add_users();
      if (!user.has_value()) continue;
      answer.set_found(true);
      Fill(user->user, *answer.mutable_user());
      for (const Identity& identity : user->identities)
        Fill(identity, *answer.add_identities());
    }
    Succeed();
  }

  const v1::BatchGetUsersRequest& request_;
  v1::BatchGetUsersResponse& response_;
};

}  // namespace

grpc::ServerUnaryReactor* StartBatchGetUsers(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::BatchGetUsersRequest& request,
    v1::BatchGetUsersResponse& response) {
  auto* call = new BatchGetUsersCall(services, context, request, response);
  call->Begin();
  return call;
}

}  // namespace wxident

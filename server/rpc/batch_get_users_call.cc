#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "server/person/follower_refresh.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

constexpr int kMost = 500;

class BatchGetUsersCall final
    : public UnaryCall<v1::BatchGetUsersRequest, v1::BatchGetUsersResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::Status whole = CheckWhole();
    if (!whole.ok()) return Fail(whole);
    const absl::Status allowed = CheckEach();
    if (!allowed.ok()) return Fail(allowed);
    Find([this] {
      if (request_.refresh_followers()) return Refresh();
      Answer();
    });
  }

 private:
  // One thing asked for.
  struct Item {
    absl::Status error;
    // Where the store was asked for it, and knows it.
    std::optional<UserWithIdentities> user;
  };

  absl::Status CheckWhole() const {
    if (request_.identity_refs_size() > kMost)
      return FieldError("identity_refs", "has more than 500 entries");
    if (request_.user_ids_size() > kMost)
      return FieldError("user_ids", "has more than 500 entries");
    if (request_.identity_refs_size() > 0 && request_.user_ids_size() > 0)
      return FieldError("user_ids", "must be empty when identity_refs is not");
    if (request_.user_ids_size() > 0 && request_.refresh_followers())
      return FieldError("refresh_followers", "needs identity_refs");
    return absl::OkStatus();
  }

  // Fills items_ and good_. CALLER_NOT_ALLOWED when that is so of every ref:
  // then nothing is left that the caller may ask.
  absl::Status CheckEach() {
    int refused = 0;
    std::string refused_app;
    for (int i = 0; i < request_.identity_refs_size(); ++i) {
      const v1::IdentityRef& ref = request_.identity_refs(i);
      absl::Status fits = IdentityRefField(
          context_, absl::StrCat("identity_refs[", i, "]"), ref);
      if (HasReason(fits, Reason::kCallerNotAllowed)) {
        if (++refused == request_.identity_refs_size()) return fits;
        refused_app = ref.app_id();
      }
      Add(std::move(fits));
    }
    if (refused > 0) context_.NoteRefusedPart(refused_app);
    for (int i = 0; i < request_.user_ids_size(); ++i)
      Add(UserIdField(absl::StrCat("user_ids[", i, "]"), request_.user_ids(i)));
    return absl::OkStatus();
  }

  void Add(absl::Status error) {
    if (error.ok()) good_.push_back(static_cast<int>(items_.size()));
    items_.push_back({std::move(error), std::nullopt});
  }

  UserQuery QueryOf(int i) const {
    if (request_.user_ids_size() > 0) return ByUserId{request_.user_ids(i)};
    const v1::IdentityRef& ref = request_.identity_refs(i);
    return ByOpenid{ref.app_id(), ref.openid()};
  }

  // Looks up what is good, and goes on with `next` if the store answers.
  template <typename Next>
  void Find(Next next) {
    if (good_.empty()) {
      ConcernsNoApp();  // asked for nobody
      return next();
    }
    std::vector<UserQuery> queries;
    for (int i : good_) queries.push_back(QueryOf(i));
    services_.identities.FindUsers(
        std::move(queries), deadline(),
        [this,
         next](absl::StatusOr<std::vector<std::optional<UserWithIdentities>>>
                   found) {
          if (!found.ok()) return Fail(found.status());
          for (size_t at = 0; at < good_.size(); ++at) {
            KeepAllowed(context_, (*found)[at]);
            items_[good_[at]].user = std::move((*found)[at]);
          }
          next();
        });
  }

  // The official account that WeChat is to be asked about an item by; nullptr:
  // none. Nothing is stored of others than who is known.
  const App* AccountOf(int i) const {
    if (!items_[i].user.has_value()) return nullptr;
    const App* app = services_.apps.Find(request_.identity_refs(i).app_id());
    return app->kind == AppKind::kOfficialAccount ? app : nullptr;
  }

  void Refresh() {
    std::map<const App*, std::set<std::string>> openids;
    for (int i : good_)
      if (const App* app = AccountOf(i))
        openids[app].insert(request_.identity_refs(i).openid());
    if (openids.empty()) return Answer();
    if (IsForNobody()) return GiveUp();
    RefreshFollowers(services_.tokens, services_.wechat, services_.profiles,
                     openids, deadline(),
                     [this](absl::StatusOr<RefreshFailures> failures) {
                       OnRefreshed(std::move(failures));
                     });
  }

  void OnRefreshed(absl::StatusOr<RefreshFailures> failures) {
    if (!failures.ok()) return Fail(failures.status());
    for (int i : good_) {
      const App* app = AccountOf(i);
      const auto failed =
          failures->find({app, request_.identity_refs(i).openid()});
      if (failed != failures->end()) items_[i].error = failed->second;
    }
    Find([this] { Answer(); });
  }

  void Answer() {
    for (const Item& item : items_) {
      v1::FoundUser& answer = *response_.add_users();
      if (!item.error.ok()) Fill(item.error, *answer.mutable_error());
      if (!item.user.has_value()) continue;
      answer.set_found(true);
      Fill(item.user->user, *answer.mutable_user());
      for (const Identity& identity : item.user->identities)
        Fill(identity, *answer.add_identities());
    }
    Succeed();
  }

  // In the request's order.
  std::vector<Item> items_;
  // Of items_, by index: those that can be looked up.
  std::vector<int> good_;
};

}  // namespace

RpcMethod BatchGetUsersMethod(const Services& services) {
  return MethodOf<BatchGetUsersCall>(services);
}

}  // namespace wxident

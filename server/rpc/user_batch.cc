#include "server/rpc/user_batch.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"

namespace wxident {
namespace {

constexpr int kMost = 500;

absl::Status CheckWhole(const v1::BatchGetUsersRequest& request) {
  if (request.identity_refs_size() > kMost)
    return FieldError("identity_refs", "has more than 500 entries");
  if (request.user_ids_size() > kMost)
    return FieldError("user_ids", "has more than 500 entries");
  if (request.identity_refs_size() > 0 && request.user_ids_size() > 0)
    return FieldError("user_ids", "must be empty when identity_refs is not");
  if (request.user_ids_size() > 0 && request.refresh_followers())
    return FieldError("refresh_followers", "needs identity_refs");
  return absl::OkStatus();
}

}  // namespace

absl::Status UserBatch::Read(const v1::BatchGetUsersRequest& request,
                             RpcContext& context) {
  WX_RETURN_IF_ERROR(CheckWhole(request));
  WX_RETURN_IF_ERROR(ReadPeople(request, context));
  for (int i = 0; i < request.user_ids_size(); ++i)
    Add({.query = ByUserId{request.user_ids(i)},
         .error = UserIdField(absl::StrCat("user_ids[", i, "]"),
                              request.user_ids(i))});
  return absl::OkStatus();
}

absl::Status UserBatch::ReadPeople(const v1::BatchGetUsersRequest& request,
                                   RpcContext& context) {
  int refused = 0;
  std::string refused_app;
  for (int i = 0; i < request.identity_refs_size(); ++i) {
    const v1::IdentityRef& ref = request.identity_refs(i);
    const absl::StatusOr<AuthorizedPerson> person = context.AuthorizePerson(
        absl::StrCat("identity_refs[", i, "]"), ref.app_id(), ref.openid());
    if (HasReason(person.status(), Reason::kCallerNotAllowed)) {
      if (++refused == request.identity_refs_size()) return person.status();
      refused_app = ref.app_id();
    }
    Item item{.query = ByOpenid{ref.app_id(), ref.openid()},
              .error = person.status()};
    if (person.ok()) item.person = *person;
    Add(std::move(item));
  }
  if (refused > 0) context.NoteRefusedPart(refused_app);
  return absl::OkStatus();
}

void UserBatch::Add(Item item) {
  if (item.error.ok()) good_.push_back(items_.size());
  items_.push_back(std::move(item));
}

std::vector<UserQuery> UserBatch::Queries() const {
  std::vector<UserQuery> queries;
  for (const size_t i : good_) queries.push_back(items_[i].query);
  return queries;
}

void UserBatch::SetFound(AuthorizedUsers found) {
  for (size_t at = 0; at < good_.size(); ++at)
    items_[good_[at]].user = std::move((*found)[at]);
}

std::vector<AuthorizedPerson> UserBatch::Followers() const {
  std::vector<AuthorizedPerson> people;
  for (const Item& item : items_)
    if (item.user.has_value() && item.person.has_value() &&
        item.person->app()->kind == AppKind::kOfficialAccount)
      people.push_back(*item.person);
  return people;
}

void UserBatch::SetFailures(const RefreshFailures& failures) {
  for (Item& item : items_) {
    if (!item.person.has_value()) continue;
    const auto failed =
        failures.find({&*item.person->app(), item.person->identity().openid});
    if (failed != failures.end()) item.error = failed->second;
  }
}

void UserBatch::Fill(v1::BatchGetUsersResponse& message) const {
  for (const Item& item : items_) {
    v1::FoundUser& answer = *message.add_users();
    if (!item.error.ok()) wxident::Fill(item.error, *answer.mutable_error());
    if (!item.user.has_value()) continue;
    answer.set_found(true);
    wxident::Fill(item.user->user, *answer.mutable_user());
    for (const Identity& identity : item.user->identities)
      wxident::Fill(identity, *answer.add_identities());
  }
}

}  // namespace wxident

#include "absl/strings/str_cat.h"
#include "wxident/fake_answers.h"
#include "wxident/fake_errors.h"
#include "wxident/fake_find.h"

namespace wxident::client {
namespace {

constexpr int kMostUsers = 500;

template <typename Predicate>
const Person* FindPerson(const FakeWorld& world, const Predicate& is) {
  for (const auto& [name, person] : world.people)
    if (!person.user.user_id().empty() && is(person)) return &person;
  return nullptr;
}

// Into a GetUserResponse or a FoundUser.
template <typename Message>
void Describe(const Person& person, Message& message) {
  *message.mutable_user() = person.user;
  for (const auto& [app_id, account] : person.accounts)
    if (account.seen) *message.add_identities() = account.identity;
}

}  // namespace

grpc::Status Answer(FakeWorld& world, const v1::GetUserInfoRequest& request,
                    v1::GetUserInfoResponse& response) {
  Account* account = nullptr;
  if (request.has_session_token()) {
    FakeWorld::Session* session = nullptr;
    if (grpc::Status bad =
            FindSession(world, request.session_token(), &session);
        !bad.ok())
      return bad;
    account = session->family->account;
  } else if (request.has_identity_ref()) {
    if (grpc::Status bad = FindIdentity(world, "identity_ref",
                                        request.identity_ref(), &account);
        !bad.ok())
      return bad;
    if (account == nullptr) return UserNotFound();
  } else {
    return FakeInvalid("subject", "is required");
  }
  if (request.has_stored()) {
    if (!account->stored.has_value())
      return FakeError(v1::ERROR_REASON_PROFILE_NOT_FOUND,
                       "no profile has been stored for this identity; get one "
                       "from another source first");
    response = *account->stored;
    *response.mutable_user() = account->person->user;
    return grpc::Status::OK;
  }
  if (request.has_encrypted_profile()) {
    if (request.has_identity_ref())
      return FakeInvalid("encrypted_profile", "needs a session_token");
    FakeWorld::Sealed* sealed = nullptr;
    if (grpc::Status bad = Open(world, *account, "encrypted_profile.",
                                request.encrypted_profile().encrypted_data(),
                                request.encrypted_profile().iv(), &sealed);
        !bad.ok())
      return bad;
    response.set_source(v1::USER_INFO_SOURCE_ENCRYPTED_PROFILE);
  } else if (request.has_oauth()) {
    if (!account->web_token.has_value()) return GrantExpired();
    response.set_source(v1::USER_INFO_SOURCE_OAUTH);
  } else if (request.has_follower()) {
    response.set_source(v1::USER_INFO_SOURCE_FOLLOWER);
  } else {
    return FakeInvalid("source", "is required");
  }
  *response.mutable_user_info() = account->person->profile;
  *response.mutable_identity() = account->identity;
  *response.mutable_user() = account->person->user;
  *response.mutable_fetch_time() = ToTimestamp(world.Now());
  account->stored = response;
  return grpc::Status::OK;
}

grpc::Status Answer(FakeWorld& world, const v1::GetUserRequest& request,
                    v1::GetUserResponse& response) {
  const Person* person = nullptr;
  if (request.has_user_id()) {
    if (grpc::Status bad = CheckUserId("user_id", request.user_id()); !bad.ok())
      return bad;
    person = FindPerson(world, [&](const Person& one) {
      return one.user.user_id() == request.user_id();
    });
  } else if (request.has_identity_ref()) {
    Account* account = nullptr;
    if (grpc::Status bad = FindIdentity(world, "identity_ref",
                                        request.identity_ref(), &account);
        !bad.ok())
      return bad;
    if (account != nullptr) person = account->person;
  } else if (request.has_union_ref()) {
    if (grpc::Status bad =
            CheckApp(world, "union_ref.app_id", request.union_ref().app_id());
        !bad.ok())
      return bad;
    person = FindPerson(world, [&](const Person& one) {
      return one.unionid == request.union_ref().unionid();
    });
  } else {
    return FakeInvalid("subject", "is required");
  }
  if (person == nullptr) return UserNotFound();
  Describe(*person, response);
  return grpc::Status::OK;
}

grpc::Status Answer(FakeWorld& world, const v1::BatchGetUsersRequest& request,
                    v1::BatchGetUsersResponse& response) {
  if (request.identity_refs_size() > 0 && request.user_ids_size() > 0)
    return FakeInvalid("user_ids",
                       "must be empty when there are identity_refs");
  if (request.identity_refs_size() > kMostUsers)
    return FakeInvalid("identity_refs", "has more than 500");
  if (request.user_ids_size() > kMostUsers)
    return FakeInvalid("user_ids", "has more than 500");
  const auto add = [&](const Person* person) {
    v1::FoundUser& found = *response.add_users();
    found.set_found(person != nullptr);
    if (person != nullptr) Describe(*person, found);
  };
  const auto fail = [&](const grpc::Status& bad) {
    *response.add_users()->mutable_error() = FakeItemError(bad);
  };
  for (int i = 0; i < request.identity_refs_size(); ++i) {
    Account* account = nullptr;
    const grpc::Status checked =
        FindIdentity(world, absl::StrCat("identity_refs[", i, "]"),
                     request.identity_refs(i), &account);
    if (!checked.ok())
      fail(checked);
    else
      add(account == nullptr ? nullptr : account->person);
  }
  for (int i = 0; i < request.user_ids_size(); ++i) {
    const grpc::Status checked =
        CheckUserId(absl::StrCat("user_ids[", i, "]"), request.user_ids(i));
    if (!checked.ok()) {
      fail(checked);
      continue;
    }
    add(FindPerson(world, [&](const Person& one) {
      return one.user.user_id() == request.user_ids(i);
    }));
  }
  return grpc::Status::OK;
}

}  // namespace wxident::client

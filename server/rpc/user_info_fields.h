#ifndef WXIDENT_SERVER_RPC_USER_INFO_FIELDS_H_
#define WXIDENT_SERVER_RPC_USER_INFO_FIELDS_H_

#include <optional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "server/identity/authorized.h"
#include "server/identity/types.h"
#include "server/person/stored_user_info.h"
#include "server/person/user_info.h"
#include "server/rpc/rpc_context.h"
#include "server/store/profile_store.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

// Whom a GetUserInfo asks about.
struct UserInfoSubject {
  ProfileQuery query;
  // The same, where the request names the person.
  std::optional<AuthorizedPerson> person;
  // Of source encrypted_profile.
  StoredUserInfo::Encrypted encrypted;

  // Where it is a session.
  const std::string& token_hash() const {
    return std::get<BySession>(query).token_hash;
  }
};

// Checks all of the request; see fields.h. Asks the guard for a person whom the
// request names. Fails with SESSION_NOT_ACTIVE for what is no token of ours.
absl::StatusOr<UserInfoSubject> UserInfoSubjectFields(
    const v1::GetUserInfoRequest& request, RpcContext& context);

// The language that WeChat is asked for.
std::string Language(const v1::GetUserInfoRequest& request);

// Asks the guard for a person whom a session has led to, and whom an official
// account is to be asked about.
absl::StatusOr<AuthorizedPerson> AuthorizeFollower(const Identity& identity,
                                                   RpcContext& context);

// All of the answer.
void Fill(const UserInfo& info, v1::GetUserInfoResponse& message);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_USER_INFO_FIELDS_H_

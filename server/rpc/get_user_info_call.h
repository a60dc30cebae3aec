#ifndef WXIDENT_SERVER_RPC_GET_USER_INFO_CALL_H_
#define WXIDENT_SERVER_RPC_GET_USER_INFO_CALL_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/identity/apps.h"
#include "server/identity/types.h"
#include "server/rpc/open_data_fields.h"
#include "server/rpc/unary_call.h"
#include "server/session/oauth_grants.h"
#include "server/store/profile_store.h"
#include "server/store/session_store.h"
#include "server/wechat/wechat_api.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

// GetUserInfo, whose four sources have their steps in two files.
class GetUserInfoCall final
    : public UnaryCall<v1::GetUserInfoRequest, v1::GetUserInfoResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override;

 private:
  absl::Status CheckRequest() const;
  // Whose profile is asked for. An identity_ref has then been allowed; of a
  // session it is only known whose it is when it has been looked up.
  absl::StatusOr<ProfileQuery> Subject();
  // Everything of the answer but the user.
  void FillAnswer(const Identity& identity, const Profile& profile);
  // The profile is stored.
  void OnSaved(absl::StatusOr<User> user);

  // kept_user_info.cc: without WeChat, what the caller brings (source
  // encrypted_profile) or what is stored.

  void StartEncrypted();
  absl::Status CheckEncryptedFields();
  void OnKeys(absl::StatusOr<std::optional<SessionWithKeys>> session);
  void StartStored();
  void OnStored(absl::StatusOr<std::optional<StoredProfile>> found);

  // fetched_user_info.cc: by asking WeChat, with the person's token (source
  // oauth) or the app's (source follower).

  void StartFetched();
  std::string Language() const;
  absl::Status CheckApp(const App& app, absl::string_view path) const;
  void StartOauth(ProfileQuery query);
  void OnSession(ProfileQuery query,
                 absl::StatusOr<std::optional<Session>> session);
  void FetchOauth(ProfileQuery query);
  void OnOauthProfile(absl::StatusOr<OauthGrants::OauthProfile> fetched);
  void StartFollower(ProfileQuery query);
  void OnKnown(absl::StatusOr<std::optional<StoredProfile>> found);
  void OnFollower(absl::StatusOr<FetchedProfile> fetched);
  void Save(Identity identity, Profile profile);

  // Of source encrypted_profile.
  OpenDataFields fields_;
  // Of source follower.
  User user_;
  Identity identity_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_GET_USER_INFO_CALL_H_

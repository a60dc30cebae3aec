// GetUserInfo by asking WeChat: sources oauth and follower.

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "server/keeper/app_token_call.h"
#include "server/person/follower_refresh.h"
#include "server/rpc/fields.h"
#include "server/rpc/get_user_info_call.h"
#include "server/rpc/messages.h"

namespace wxident {

void GetUserInfoCall::StartFetched() {
  absl::StatusOr<ProfileQuery> query = Subject();
  if (!query.ok()) return Fail(query.status());
  if (request_.has_identity_ref()) {
    const absl::Status fits =
        CheckApp(*services_.apps.Find(request_.identity_ref().app_id()),
                 "identity_ref.app_id");
    if (!fits.ok()) return Fail(fits);
  }
  if (request_.has_oauth()) return StartOauth(*std::move(query));
  StartFollower(*std::move(query));
}

std::string GetUserInfoCall::Language() const {
  return request_.language().empty() ? "zh_CN" : request_.language();
}

absl::Status GetUserInfoCall::CheckApp(const App& app,
                                       absl::string_view path) const {
  if (request_.has_follower() && app.kind != AppKind::kOfficialAccount)
    return FieldError(path,
                      "must be of an official account with source follower");
  if (request_.has_oauth() && app.kind == AppKind::kMiniProgram)
    return FieldError(path,
                      "must be of an official account, website or mobile app "
                      "with source oauth");
  return absl::OkStatus();
}

// Source oauth: whose session, WeChat with the person's token, save.

void GetUserInfoCall::StartOauth(ProfileQuery query) {
  if (request_.has_identity_ref()) return FetchOauth(std::move(query));
  const std::string hash = std::get<BySession>(query).token_hash;
  services_.sessions.FindSession(
      hash, deadline(),
      [this, query = std::move(query)](
          absl::StatusOr<std::optional<Session>> session) mutable {
        OnSession(std::move(query), std::move(session));
      });
}

void GetUserInfoCall::OnSession(
    ProfileQuery query, absl::StatusOr<std::optional<Session>> session) {
  if (!session.ok()) return Fail(session.status());
  if (!session->has_value()) return Fail(SessionNotActiveError());
  const absl::Status allowed = AppOf(context_, (*session)->identity).status();
  if (!allowed.ok()) return Fail(allowed);
  FetchOauth(std::move(query));
}

void GetUserInfoCall::FetchOauth(ProfileQuery query) {
  if (IsForNobody()) return GiveUp();
  services_.grants.FetchProfile(
      std::move(query), Language(), deadline(),
      [this](absl::StatusOr<OauthGrants::OauthProfile> fetched) {
        OnOauthProfile(std::move(fetched));
      });
}

void GetUserInfoCall::OnOauthProfile(
    absl::StatusOr<OauthGrants::OauthProfile> fetched) {
  if (!fetched.ok()) return Fail(fetched.status());
  Save(std::move(fetched->identity), std::move(fetched->profile));
}

// Source follower: whose, WeChat with the app's token, save.

void GetUserInfoCall::StartFollower(ProfileQuery query) {
  services_.profiles.FindProfile(
      std::move(query), deadline(),
      [this](absl::StatusOr<std::optional<StoredProfile>> found) {
        OnKnown(std::move(found));
      });
}

void GetUserInfoCall::OnKnown(
    absl::StatusOr<std::optional<StoredProfile>> found) {
  if (!found.ok()) return Fail(found.status());
  if (!found->has_value())
    return Fail(request_.has_session_token() ? SessionNotActiveError()
                                             : IdentityUnknownError());
  user_ = std::move((*found)->user);
  identity_ = std::move((*found)->identity);
  absl::StatusOr<const App*> app = AppOf(context_, identity_);
  if (!app.ok()) return Fail(app.status());
  const absl::Status fits = CheckApp(**app, "session_token");
  if (!fits.ok()) return Fail(fits);
  if (IsForNobody()) return GiveUp();
  CallWithAppToken<FetchedProfile>(
      services_.tokens, **app, "user_info",
      [this, app = *app](const Secret& token, Done<FetchedProfile> done) {
        services_.wechat.GetFollower(*app, token, identity_.openid, Language(),
                                     deadline(), std::move(done));
      },
      [this](absl::StatusOr<FetchedProfile> fetched) {
        OnFollower(std::move(fetched));
      });
}

void GetUserInfoCall::OnFollower(absl::StatusOr<FetchedProfile> fetched) {
  if (!fetched.ok()) return Fail(fetched.status());
  const absl::StatusOr<bool> follows = LearnFollower(*fetched, identity_);
  if (!follows.ok()) return Fail(follows.status());
  if (!*follows) {
    FillAnswer(identity_, fetched->profile);
    Fill(user_, *response_.mutable_user());
    return Succeed();
  }
  Save(std::move(identity_), std::move(fetched->profile));
}

// Both sources.

void GetUserInfoCall::Save(Identity identity, Profile profile) {
  absl::StatusOr<const App*> app = AppOf(context_, identity);
  if (!app.ok()) return Fail(app.status());
  FillAnswer(identity, profile);
  services_.profiles.SaveProfile(
      std::move(identity), (*app)->open_platform_account, std::move(profile),
      deadline(),
      [this](absl::StatusOr<User> user) { OnSaved(std::move(user)); });
}

}  // namespace wxident

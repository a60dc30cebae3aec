#include "simulator/control_oauth.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/base/status_macros.h"
#include "simulator/control_who.h"
#include "simulator/follower_endpoints.h"
#include "simulator/oauth_codes.h"

namespace wxident::simulator {
namespace {

constexpr int64_t kMaxNumber = 2147483647;

std::string StateName(Grant::State state) {
  switch (state) {
    case Grant::State::kRevoked:
      return "revoked";
    case Grant::State::kPasswordChanged:
      return "password changed";
    case Grant::State::kLive:
      break;
  }
  return "live";
}

std::string StateOf(Grant::State state, absl::Time expires_at, absl::Time now) {
  return state == Grant::State::kLive && now >= expires_at ? "expired"
                                                           : StateName(state);
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

// Without the tokens.
Json GrantToJson(const Grant& grant, absl::Time now) {
  return {
      {"scope", grant.scope},
      {"snapshot", grant.snapshot},
      {"access_token",
       {{"state", StateOf(grant.access_state, grant.access_expires_at, now)},
        {"expires_at", TimeText(grant.access_expires_at)}}},
      {"refresh_token",
       {{"state", StateOf(grant.refresh_state, grant.refresh_expires_at, now)},
        {"expires_at", TimeText(grant.refresh_expires_at)}}}};
}

Json GrantsToJson(const std::vector<Grant*>& grants, absl::Time now) {
  Json out = Json::array();
  for (const Grant* grant : grants) out.push_back(GrantToJson(*grant, now));
  return {{"grants", std::move(out)}};
}

absl::string_view WidestScope(AppKind kind) {
  return kind == AppKind::kWebsite ? kScopeLogin : kScopeUserinfo;
}

// Nothing when absent.
void ReadInteger(Input& in, absl::string_view name, int64_t& value) {
  value = in.OptionalInteger(name, 0, kMaxNumber).value_or(value);
}

void ReadText(Input& in, absl::string_view name, std::string& value) {
  value = in.OptionalText(name).value_or(value);
}

std::vector<int64_t> ReadTags(Input& in, std::vector<int64_t> before) {
  const Json* given = in.Any("tagid_list");
  if (given == nullptr) return before;
  std::vector<int64_t> out;
  bool fits = given->is_array();
  if (fits) {
    for (const Json& tag : *given) {
      fits = fits && tag.is_number_integer();
      if (fits) out.push_back(tag.get<int64_t>());
    }
  }
  if (!fits) in.Fail("tagid_list", "give a list of whole numbers");
  return out;
}

}  // namespace

absl::StatusOr<Json> MakeOauthCode(World& world, const Json& input) {
  Input in(input);
  std::string user;
  const App* app = ReadWho(world, in, user);
  std::optional<std::string> scope = in.OptionalText("scope");
  if (app != nullptr) {
    if (app->kind == AppKind::kMiniProgram)
      in.Fail("app_id",
              "a mini program has no OAuth codes; POST /_sim/login_code");
    if (!scope.has_value()) scope = std::string(WidestScope(app->kind));
    if (!ScopeFits(app->kind, *scope))
      in.Fail("scope",
              "give snsapi_base or snsapi_userinfo for an official account, "
              "snsapi_login for a website, snsapi_userinfo for a mobile app");
  }
  WX_RETURN_IF_ERROR(in.Finish());
  return Json{{"code", IssueOauthCode(world, *app, user, *scope)}};
}

absl::StatusOr<Json> ChangeGrants(World& world, const Json& input) {
  Input in(input);
  std::string user;
  const App* app = ReadWho(world, in, user);
  const std::optional<std::string> expire = in.OptionalText("expire");
  const bool revoke = in.OptionalBool("revoke").value_or(false);
  if (expire.has_value() && *expire != "access_token" &&
      *expire != "refresh_token")
    in.Fail("expire", "give access_token or refresh_token");
  WX_RETURN_IF_ERROR(in.Finish());

  const absl::Time now = world.clock.Now();
  const std::vector<Grant*> grants = world.grants.Of(app->app_id, user);
  for (Grant* grant : grants) {
    if (expire == "access_token")
      grant->access_expires_at = std::min(grant->access_expires_at, now);
    if (expire == "refresh_token")
      grant->refresh_expires_at = std::min(grant->refresh_expires_at, now);
    if (revoke)
      grant->access_state = grant->refresh_state = Grant::State::kRevoked;
  }
  return GrantsToJson(grants, now);
}

absl::StatusOr<Json> ChangePassword(World& world, const Json& input) {
  Input in(input);
  const std::string user = in.Text("user", "alice (your own name for her)");
  WX_RETURN_IF_ERROR(in.Finish());
  const std::vector<Grant*> grants = world.grants.OfUser(user);
  for (Grant* grant : grants) {
    for (Grant::State* state : {&grant->access_state, &grant->refresh_state})
      if (*state == Grant::State::kLive)
        *state = Grant::State::kPasswordChanged;
  }
  return GrantsToJson(grants, world.clock.Now());
}

absl::StatusOr<Json> PutFollower(World& world, const Json& input) {
  Input in(input);
  std::string user;
  const App* app = ReadWho(world, in, user);
  if (app != nullptr && app->kind != AppKind::kOfficialAccount)
    in.Fail("app_id", "only an official_account has followers");
  const std::optional<bool> subscribe = in.OptionalBool("subscribe");
  if (!subscribe.has_value()) in.Fail("subscribe", "give true or false");

  const absl::Time now = world.clock.Now();
  const Member* known =
      app == nullptr ? nullptr : world.users.Find(app->app_id, user);
  Follower follower = known == nullptr ? Follower{} : known->follower;
  if (subscribe == true && !follower.subscribe) follower.since = now;
  follower.subscribe = subscribe.value_or(false);
  ReadText(in, "subscribe_scene", follower.scene);
  ReadInteger(in, "qr_scene", follower.qr_scene);
  ReadText(in, "qr_scene_str", follower.qr_scene_str);
  ReadText(in, "remark", follower.remark);
  ReadInteger(in, "groupid", follower.group_id);
  follower.tag_ids = ReadTags(in, std::move(follower.tag_ids));
  WX_RETURN_IF_ERROR(in.Finish());

  Member& member = world.users.Ensure(*app, user, now);
  member.follower = std::move(follower);
  return FollowerToJson(world, *app, member);
}

}  // namespace wxident::simulator

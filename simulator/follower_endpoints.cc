#include "simulator/follower_endpoints.h"

#include "simulator/checks.h"
#include "simulator/errcode.h"

namespace wxident::simulator {
namespace {

constexpr size_t kMaxBatch = 100;

}  // namespace

Json FollowerToJson(World& world, const App& app, const Member& member) {
  const Follower& follower = member.follower;
  if (!follower.subscribe)
    return {{"subscribe", 0},
            {"openid", member.openid},
            {"tagid_list", Json::array()}};
  const Json& profile = world.users.PersonOf(member.user).profile;
  Json out = {{"subscribe", 1}, {"openid", member.openid}};
  if (world.settings.profile_details) {
    out["nickname"] = profile.value("nickName", Json(""));
    out["sex"] = profile.value("gender", Json(0));
    for (const char* name : {"city", "province", "country"})
      out[name] = profile.value(name, Json(""));
    out["headimgurl"] = profile.value("avatarUrl", Json(""));
  }
  out["language"] = profile.value("language", Json(""));
  out["subscribe_time"] = absl::ToUnixSeconds(follower.since);
  const std::string unionid = world.users.UnionId(app, member.user);
  if (!unionid.empty()) out["unionid"] = unionid;
  out["remark"] = follower.remark;
  out["groupid"] = follower.group_id;
  out["tagid_list"] = follower.tag_ids;
  out["subscribe_scene"] = follower.scene;
  out["qr_scene"] = follower.qr_scene;
  out["qr_scene_str"] = follower.qr_scene_str;
  return out;
}

Answer FollowerInfo(World& world, ApiCall& call) {
  Answer checked = CheckToken(world, call, {AppKind::kOfficialAccount});
  if (!checked.ok()) return checked;
  const std::string& openid = call.request.Query("openid");
  if (openid.empty()) return Refuse(kOpenidMissing);
  const Member* member = world.users.FindByOpenid(call.app_id, openid);
  if (member == nullptr) return Refuse(kInvalidOpenid);
  call.user = member->user;
  return Succeed(FollowerToJson(world, world.apps.at(call.app_id), *member));
}

Answer FollowerInfoBatch(World& world, ApiCall& call) {
  Answer checked = CheckToken(world, call, {AppKind::kOfficialAccount});
  if (!checked.ok()) return checked;
  Json body;
  if (checked = CheckBody(call, body); !checked.ok()) return checked;
  const Json list = body.value("user_list", Json());
  if (!list.is_array()) return Refuse(kBodyNotJson);
  if (list.empty() || list.size() > kMaxBatch)
    return Refuse(kInvalidOpenidListSize);
  Json infos = Json::array();
  for (const Json& wanted : list) {
    if (!wanted.is_object()) return Refuse(kBodyNotJson);
    std::string openid;
    checked = CheckText(wanted, "openid", openid);
    if (!checked.ok()) return checked;
    const Member* member = world.users.FindByOpenid(call.app_id, openid);
    if (member == nullptr) return Refuse(kInvalidOpenid);
    infos.push_back(FollowerToJson(world, world.apps.at(call.app_id), *member));
  }
  return Succeed({{"user_info_list", std::move(infos)}});
}

}  // namespace wxident::simulator

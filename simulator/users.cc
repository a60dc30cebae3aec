#include "simulator/users.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace wxident::simulator {
namespace {

// What WeChat shows of everybody since clients stopped giving profiles.
Json DefaultProfile() {
  return {{"nickName", "微信用户"},
          {"gender", 0},
          {"language", "zh_CN"},
          {"city", ""},
          {"province", ""},
          {"country", ""},
          {"avatarUrl", "https://thirdwx.qlogo.cn/mmopen/vi_32/grey/132"}};
}

}  // namespace

Member& Users::Ensure(const App& app, const std::string& user, absl::Time now) {
  auto [person, new_person] = people_.try_emplace(user);
  if (new_person) {
    person->second.phone = {maker_.PhoneNumber(user), "86"};
    person->second.profile = DefaultProfile();
  }
  AppUsers& users = by_app_[app.app_id];
  auto [found, new_member] = users.by_user.try_emplace(user);
  Member& member = found->second;
  if (new_member) {
    member.user = user;
    member.openid = maker_.OpenId(app.app_id, user);
    users.by_openid[member.openid] = user;
    SetSessionKey(member, NextSessionKey(app.app_id, member), now);
  }
  return member;
}

const Member* Users::Find(const std::string& app_id,
                          const std::string& user) const {
  auto app = by_app_.find(app_id);
  if (app == by_app_.end()) return nullptr;
  auto found = app->second.by_user.find(user);
  return found == app->second.by_user.end() ? nullptr : &found->second;
}

Member* Users::FindByOpenid(const std::string& app_id,
                            const std::string& openid) {
  auto app = by_app_.find(app_id);
  if (app == by_app_.end()) return nullptr;
  auto user = app->second.by_openid.find(openid);
  if (user == app->second.by_openid.end()) return nullptr;
  return &app->second.by_user.at(user->second);
}

std::string Users::UnionId(const App& app, const std::string& user) const {
  const std::string& account = app.open_platform_account;
  if (account.empty()) return "";
  auto given = given_unionids_.find(account);
  if (given != given_unionids_.end()) {
    auto found = given->second.find(user);
    if (found != given->second.end()) return found->second;
  }
  return maker_.UnionId(account, user);
}

absl::Status Users::SetOpenid(const std::string& app_id, Member& member,
                              const std::string& openid) {
  AppUsers& users = by_app_[app_id];
  auto owner = users.by_openid.find(openid);
  if (owner != users.by_openid.end() && owner->second != member.user)
    return absl::InvalidArgumentError(absl::StrCat(
        "openid: user ", owner->second, " of this app has it; give another"));
  users.by_openid.erase(member.openid);
  users.by_openid[openid] = member.user;
  member.openid = openid;
  return absl::OkStatus();
}

absl::Status Users::SetUnionId(const App& app, const std::string& user,
                               const std::string& unionid) {
  if (app.open_platform_account.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("unionid: app ", app.app_id,
                     " is bound to no Open Platform account; POST /_sim/apps "
                     "with open_platform_account first, or leave it out"));
  auto& given = given_unionids_[app.open_platform_account];
  for (const auto& [other, taken] : given) {
    if (taken == unionid && other != user)
      return absl::InvalidArgumentError(
          absl::StrCat("unionid: user ", other,
                       " of this Open Platform account has it; give another"));
  }
  given[user] = unionid;
  return absl::OkStatus();
}

void Users::SetSessionKey(Member& member, std::string key, absl::Time now) {
  member.session_key = std::move(key);
  member.key_issued_at = now;
  member.key_expires_at = now + settings_.session_key_lifetime;
  member.key_given = false;
}

const std::string& Users::Exchange(const std::string& app_id, Member& member,
                                   absl::Time now) {
  const bool old =
      now - member.key_issued_at >= settings_.session_key_min_rotation;
  const bool expired = now >= member.key_expires_at;
  if (expired || (member.key_given && old))
    SetSessionKey(member, NextSessionKey(app_id, member), now);
  member.key_given = true;
  member.key_expires_at = now + settings_.session_key_lifetime;
  return member.session_key;
}

const std::string& Users::ResetSessionKey(const std::string& app_id,
                                          Member& member, absl::Time now) {
  const absl::Time expires_at = member.key_expires_at;
  SetSessionKey(member, NextSessionKey(app_id, member), now);
  member.key_given = true;
  member.key_expires_at = expires_at;
  member.last_reset_at = now;
  return member.session_key;
}

std::vector<std::string> Users::Names(size_t limit) const {
  std::vector<std::string> out;
  for (const auto& [name, person] : people_) out.push_back(name);
  limit = std::min(limit, out.size());
  std::partial_sort(out.begin(), out.begin() + limit, out.end());
  out.resize(limit);
  return out;
}

std::vector<std::string> Users::AllPhoneNumbers() const {
  std::vector<std::string> out;
  for (const auto& [name, person] : people_) out.push_back(person.phone.number);
  return out;
}

std::vector<std::string> Users::AllOpenids() const {
  std::vector<std::string> out;
  for (const auto& [app_id, users] : by_app_) {
    for (const auto& [user, member] : users.by_user) {
      out.push_back(member.openid);
      for (uint64_t n = 1; n <= member.virtual_openids; ++n)
        out.push_back(maker_.VirtualOpenId(app_id, user, n));
    }
  }
  return out;
}

std::vector<std::string> Users::AllUnionids(const Apps& apps) const {
  std::vector<std::string> out;
  for (const auto& [app_id, users] : by_app_) {
    const auto app = apps.find(app_id);
    if (app == apps.end() || app->second.open_platform_account.empty())
      continue;
    for (const auto& [user, member] : users.by_user) {
      out.push_back(UnionId(app->second, user));
      out.push_back(
          maker_.VirtualUnionId(app->second.open_platform_account, user));
    }
  }
  return out;
}

std::vector<std::string> Users::AllSessionKeys() const {
  std::vector<std::string> out;
  for (const auto& [app_id, users] : by_app_) {
    for (const auto& [user, member] : users.by_user) {
      out.push_back(member.session_key);
      for (uint64_t n = 1; n <= member.session_keys; ++n)
        out.push_back(maker_.SessionKey(app_id, user, n));
    }
  }
  return out;
}

size_t Users::CountMembers(const std::string& app_id) const {
  auto app = by_app_.find(app_id);
  return app == by_app_.end() ? 0 : app->second.by_user.size();
}

std::string Users::NextSessionKey(const std::string& app_id, Member& member) {
  return maker_.SessionKey(app_id, member.user, ++member.session_keys);
}

}  // namespace wxident::simulator

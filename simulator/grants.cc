#include "simulator/grants.h"

namespace wxident::simulator {

const Grant& Grants::Add(Grant grant, AppKind kind, absl::Time now) {
  Line& line = lines_[grant.user][grant.app_id];
  if (grant.scope == "snsapi_base" &&
      settings_.base_grant_replaces_refresh_token) {
    for (const std::unique_ptr<Kept>& earlier : line.grants)
      earlier->grant.refresh_state = Grant::State::kRevoked;
  }
  line.grants.push_back(std::make_unique<Kept>(Kept{std::move(grant), {}}));
  ++size_;
  Kept& kept = *line.grants.back();
  Grant& added = kept.grant;
  added.refresh_token = maker_.UserToken("refresh", added.app_id, added.user,
                                         ++line.refresh_tokens);
  added.refresh_expires_at =
      now + (kind == AppKind::kMobile ? settings_.mobile_refresh_token_lifetime
                                      : settings_.refresh_token_lifetime);
  by_refresh_token_[added.refresh_token] = &kept;
  IssueAccessToken(kept, line, now);
  if (line.grants.size() > kMaxPerMember) {
    Forget(*line.grants.front());
    line.grants.pop_front();
  }
  return added;
}

void Grants::Refresh(Grant& grant, absl::Time now) {
  if (now < grant.access_expires_at &&
      grant.access_state == Grant::State::kLive) {
    grant.access_expires_at = now + settings_.user_token_lifetime;
    return;
  }
  IssueAccessToken(*by_refresh_token_.at(grant.refresh_token),
                   lines_[grant.user][grant.app_id], now);
}

Grant* Grants::FindByAccessToken(const std::string& token) {
  auto found = by_access_token_.find(token);
  return found == by_access_token_.end() ? nullptr : &found->second->grant;
}

Grant* Grants::FindByRefreshToken(const std::string& token) {
  auto found = by_refresh_token_.find(token);
  return found == by_refresh_token_.end() ? nullptr : &found->second->grant;
}

std::vector<Grant*> Grants::Of(const std::string& app_id,
                               const std::string& user) {
  std::vector<Grant*> out;
  for (Grant* grant : OfUser(user))
    if (grant->app_id == app_id) out.push_back(grant);
  return out;
}

std::vector<Grant*> Grants::OfUser(const std::string& user) {
  std::vector<Grant*> out;
  auto apps = lines_.find(user);
  if (apps == lines_.end()) return out;
  for (auto& [app_id, line] : apps->second)
    for (const std::unique_ptr<Kept>& kept : line.grants)
      out.push_back(&kept->grant);
  return out;
}

std::vector<std::string> Grants::AllTokens() const {
  std::vector<std::string> out;
  for (const auto& [user, apps] : lines_) {
    for (const auto& [app_id, line] : apps) {
      for (uint64_t n = 1; n <= line.access_tokens; ++n)
        out.push_back(maker_.UserToken("access", app_id, user, n));
      for (uint64_t n = 1; n <= line.refresh_tokens; ++n)
        out.push_back(maker_.UserToken("refresh", app_id, user, n));
    }
  }
  return out;
}

void Grants::IssueAccessToken(Kept& kept, Line& line, absl::Time now) {
  Grant& grant = kept.grant;
  grant.access_token = maker_.UserToken("access", grant.app_id, grant.user,
                                        ++line.access_tokens);
  grant.access_expires_at = now + settings_.user_token_lifetime;
  grant.access_state = Grant::State::kLive;
  by_access_token_[grant.access_token] = &kept;
  kept.access_tokens.push_back(grant.access_token);
}

void Grants::Forget(const Kept& kept) {
  for (const std::string& token : kept.access_tokens)
    by_access_token_.erase(token);
  by_refresh_token_.erase(kept.grant.refresh_token);
  --size_;
}

}  // namespace wxident::simulator

#include "simulator/tokens.h"

#include <algorithm>

namespace wxident::simulator {
namespace {

// Bounds the memory of a long load test: beyond it the oldest are unknown.
constexpr size_t kMaxKnown = 100000;

}  // namespace

int64_t ChinaDay(absl::Time now) {
  return absl::ToUnixSeconds(now + absl::Hours(8)) / 86400;
}

void Tokens::Remember(const std::string& token, Token state) {
  if (!known_.insert_or_assign(token, std::move(state)).second) return;
  oldest_first_.push_back(token);
  if (oldest_first_.size() > kMaxKnown) {
    known_.erase(oldest_first_.front());
    oldest_first_.pop_front();
  }
}

void Tokens::Next(const std::string& app_id, absl::string_view kind, Line& line,
                  absl::Time expires_at, absl::Time previous_until) {
  if (!line.current.empty()) {
    auto current = known_.find(line.current);
    if (current != known_.end()) {
      Token& token = current->second;
      token.replaced = token.valid_until != previous_until;
      token.valid_until = previous_until;
    }
  }
  line.previous = std::move(line.current);
  line.current = maker_.AccessToken(kind, app_id, ++line.issued);
  line.expires_at = expires_at;
  Remember(line.current, {app_id, expires_at});
}

Tokens::Issued Tokens::IssueOrdinary(const std::string& app_id,
                                     absl::Time now) {
  Line& line = by_app_[app_id].ordinary;
  const absl::Time previous_until =
      std::min(line.expires_at, now + settings_.ordinary_token_overlap);
  Next(app_id, "ordinary", line, now + settings_.ordinary_token_lifetime,
       previous_until);
  return {0, line.current, settings_.ordinary_token_lifetime};
}

Tokens::Issued Tokens::IssueStable(const std::string& app_id, bool force,
                                   absl::Time now) {
  AppTokens& app = by_app_[app_id];
  Line& line = app.stable;
  const absl::Time expires_at = now + settings_.stable_token_lifetime;
  const absl::Duration left = line.expires_at - now;
  const bool early =
      now - app.last_force_at < settings_.stable_force_min_interval;

  if (force && early && settings_.stable_force_early_errcode != 0)
    return {static_cast<int>(settings_.stable_force_early_errcode)};
  if (force && !early) {
    const int64_t today = ChinaDay(now);
    if (app.forced_day != today) app.forced = 0;
    app.forced_day = today;
    if (app.forced >= settings_.stable_force_per_day)
      return {static_cast<int>(settings_.stable_force_day_errcode)};
    ++app.forced;
    app.last_force_at = now;
    // Force leaves one live token, so one that overlaps dies with it.
    if (auto old = known_.find(line.previous); old != known_.end())
      old->second.valid_until = std::min(old->second.valid_until, now);
    Next(app_id, "stable", line, expires_at, std::min(line.expires_at, now));
  } else if (left <= absl::ZeroDuration()) {
    Next(app_id, "stable", line, expires_at, line.expires_at);
  } else if (left < settings_.stable_token_overlap) {
    Next(app_id, "stable", line, expires_at,
         now + settings_.stable_token_overlap);
  }
  return {0, line.current, line.expires_at - now};
}

Tokens::Issued Tokens::IssueTicket(const std::string& app_id,
                                   const std::string& type, absl::Time now) {
  const AppTokens& app = by_app_[app_id];
  const uint64_t tokens = app.ordinary.issued + app.stable.issued;
  Ticket& ticket = tickets_[{app_id, type}];
  if (now >= ticket.expires_at ||
      (!settings_.ticket_survives_token_rotation && ticket.tokens != tokens)) {
    ticket.value = maker_.JsapiTicket(type, app_id, ++ticket.issued);
    ticket.expires_at = now + settings_.ticket_lifetime;
    ticket.tokens = tokens;
  }
  return {0, ticket.value, ticket.expires_at - now};
}

Tokens::State Tokens::Check(const std::string& token, absl::Time now,
                            std::string* app_id) const {
  auto found = known_.find(token);
  if (found == known_.end()) return State::kUnknown;
  *app_id = found->second.app_id;
  if (now < found->second.valid_until) return State::kValid;
  return found->second.replaced ? State::kReplaced : State::kExpired;
}

Tokens::Status Tokens::StatusOf(const std::string& app_id,
                                absl::Time now) const {
  auto found = by_app_.find(app_id);
  if (found == by_app_.end()) return {};
  const AppTokens& app = found->second;
  return {app.ordinary.issued, app.ordinary.expires_at, app.stable.issued,
          app.stable.expires_at,
          app.forced_day == ChinaDay(now) ? app.forced : 0};
}

}  // namespace wxident::simulator

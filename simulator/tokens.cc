#include "simulator/tokens.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "server/crypto/hash.h"

namespace wxident::simulator {
namespace {

// Bounds the memory of a long load test: beyond it the oldest are unknown.
constexpr size_t kMaxKnown = 100000;

}  // namespace

std::string DigestOf(absl::string_view value) {
  return absl::BytesToHexString(Sha256(value).substr(0, 8));
}

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

bool Tokens::Works(const std::string& token, absl::Time now) const {
  auto found = known_.find(token);
  return found != known_.end() && now < found->second.valid_until;
}

void Tokens::Next(const std::string& app_id, absl::string_view kind, Line& line,
                  absl::Time now, absl::Time expires_at,
                  absl::Time previous_until) {
  if (!line.current.empty()) {
    auto current = known_.find(line.current);
    if (current != known_.end()) {
      Token& token = current->second;
      token.replaced = token.valid_until != previous_until;
      token.valid_until = previous_until;
    }
    line.previous.push_back(std::move(line.current));
  }
  while (!line.previous.empty() && !Works(line.previous.front(), now))
    line.previous.pop_front();
  line.current = maker_.AccessToken(kind, app_id, ++line.issued);
  line.expires_at = expires_at;
  Remember(line.current, {app_id, expires_at});
}

Tokens::Issued Tokens::IssueOrdinary(const std::string& app_id,
                                     absl::Time now) {
  Line& line = by_app_[app_id].ordinary;
  const absl::Time previous_until =
      std::min(line.expires_at, now + settings_.ordinary_token_overlap);
  Next(app_id, "ordinary", line, now, now + settings_.ordinary_token_lifetime,
       previous_until);
  return {0, line.current, settings_.ordinary_token_lifetime, true};
}

Tokens::Issued Tokens::IssueStable(const std::string& app_id, bool force,
                                   absl::Time now) {
  AppTokens& app = by_app_[app_id];
  Line& line = app.stable;
  const absl::Time expires_at = now + settings_.stable_token_lifetime;
  const absl::Duration left = line.expires_at - now;
  const uint64_t issued_before = line.issued;
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
    // Force leaves one live token, so those that overlap die with it.
    for (const std::string& old : line.previous)
      if (auto token = known_.find(old); token != known_.end())
        token->second.valid_until = std::min(token->second.valid_until, now);
    Next(app_id, "stable", line, now, expires_at,
         std::min(line.expires_at, now));
  } else if (left <= absl::ZeroDuration()) {
    Next(app_id, "stable", line, now, expires_at, line.expires_at);
  } else if (left < settings_.stable_token_overlap) {
    Next(app_id, "stable", line, now, expires_at,
         now + settings_.stable_token_overlap);
  }
  return {0, line.current, line.expires_at - now, line.issued != issued_before};
}

Tokens::Issued Tokens::IssueTicket(const std::string& app_id,
                                   const std::string& type, absl::Time now) {
  const AppTokens& app = by_app_[app_id];
  const uint64_t tokens = app.ordinary.issued + app.stable.issued;
  Ticket& ticket = tickets_[{app_id, type}];
  const bool is_new =
      now >= ticket.expires_at ||
      (!settings_.ticket_survives_token_rotation && ticket.tokens != tokens);
  if (is_new) {
    ticket.value = maker_.JsapiTicket(type, app_id, ++ticket.issued);
    ticket.expires_at = now + settings_.ticket_lifetime;
    ticket.tokens = tokens;
  }
  return {0, ticket.value, ticket.expires_at - now, is_new};
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
  Status status{StatusOf(app.ordinary, now), StatusOf(app.stable, now),
                app.forced_day == ChinaDay(now) ? app.forced : 0};
  if (auto ticket = tickets_.find({app_id, "jsapi"});
      ticket != tickets_.end()) {
    const std::string digest = DigestOf(ticket->second.value);
    status.jsapi_ticket = {
        ticket->second.issued, ticket->second.expires_at, digest, {}};
    if (now < ticket->second.expires_at)
      status.jsapi_ticket.accepted.push_back(digest);
  }
  return status;
}

std::vector<std::string> Tokens::AllTokens() const {
  std::vector<std::string> out;
  for (const auto& [app_id, app] : by_app_) {
    for (uint64_t n = 1; n <= app.ordinary.issued; ++n)
      out.push_back(maker_.AccessToken("ordinary", app_id, n));
    for (uint64_t n = 1; n <= app.stable.issued; ++n)
      out.push_back(maker_.AccessToken("stable", app_id, n));
  }
  return out;
}

std::vector<std::string> Tokens::AllTickets() const {
  std::vector<std::string> out;
  for (const auto& [whose, ticket] : tickets_)
    for (uint64_t n = 1; n <= ticket.issued; ++n)
      out.push_back(maker_.JsapiTicket(whose.second, whose.first, n));
  return out;
}

Tokens::LineStatus Tokens::StatusOf(const Line& line, absl::Time now) const {
  LineStatus status{line.issued, line.expires_at};
  if (line.issued == 0) return status;
  status.newest = DigestOf(line.current);
  for (const std::string& old : line.previous)
    if (Works(old, now)) status.accepted.push_back(DigestOf(old));
  if (Works(line.current, now)) status.accepted.push_back(status.newest);
  return status;
}

}  // namespace wxident::simulator

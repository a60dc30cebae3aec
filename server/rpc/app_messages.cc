#include "server/rpc/app_messages.h"

#include <algorithm>
#include <cstdint>

#include "server/rpc/messages.h"
#include "server/store/credential_store.h"

namespace wxident {
namespace {

// WeChat's own words about stable_token; nothing here counts against it.
constexpr int kStableFetchesPerDay = 500'000;

google::protobuf::Duration ToMessage(absl::Duration duration) {
  google::protobuf::Duration message;
  message.set_seconds(
      absl::IDivDuration(duration, absl::Seconds(1), &duration));
  message.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return message;
}

void FillStatus(const CredentialState& state, absl::Time now,
                v1::CredentialStatus& message) {
  message.set_generation(state.generation);
  if (state.generation > 0) {
    // The moment of the answer by the clock that all these times are of.
    now = state.expires_at - state.life;
    Fill(state.fetched_at, *message.mutable_fetch_time());
    *message.mutable_age() = ToMessage(now - state.fetched_at);
    Fill(state.expires_at, *message.mutable_expire_time());
    Fill(state.refresh_at, *message.mutable_refresh_time());
  }
  message.set_refreshing(state.lease_left > absl::ZeroDuration());
  message.mutable_fetches()->set_used(state.fetches_today);
  message.set_failures(state.failures);
  if (state.failures == 0) return;
  Fill(now + std::max(state.pause_left, absl::ZeroDuration()),
       *message.mutable_retry_time());
  message.set_failure_reason(state.failure_reason);
  message.set_failure_errcode(state.failure_errcode);
}

v1::AppKind ToMessage(AppKind kind) {
  switch (kind) {
    case AppKind::kMiniProgram:
      return v1::APP_KIND_MINI_PROGRAM;
    case AppKind::kOfficialAccount:
      return v1::APP_KIND_OFFICIAL_ACCOUNT;
    case AppKind::kWebsite:
      return v1::APP_KIND_WEBSITE;
    case AppKind::kMobile:
      return v1::APP_KIND_MOBILE;
  }
  return v1::APP_KIND_UNSPECIFIED;
}

}  // namespace

void Fill(const App& app, v1::AppInfo& message) {
  message.set_app_id(app.app_id);
  message.set_kind(ToMessage(app.kind));
  if (app.open_platform_account != app.app_id)
    message.set_open_platform_account(app.open_platform_account);
  message.set_token_mode(app.token_mode == TokenMode::kStable
                             ? v1::TOKEN_MODE_STABLE
                             : v1::TOKEN_MODE_ORDINARY);
  message.mutable_redirect_hosts()->Add(app.redirect_hosts.begin(),
                                        app.redirect_hosts.end());
}

void Fill(const App& app, const TokenManager::AppState& state, absl::Time now,
          v1::GetAppStatusResponse& message) {
  Fill(app, *message.mutable_app());
  v1::CredentialStatus& token = *message.mutable_access_token();
  FillStatus(state.token, now, token);
  if (app.token_mode == TokenMode::kStable) {
    token.mutable_fetches()->set_limit(kStableFetchesPerDay);
    token.mutable_forced_fetches()->set_used(state.token.forced_today);
    token.mutable_forced_fetches()->set_limit(kForcedFetchesPerDay);
  } else {
    token.mutable_fetches()->set_limit(kOrdinaryFetchesPerDay);
  }
  if (state.ticket.has_value())
    FillStatus(*state.ticket, now, *message.mutable_jsapi_ticket());
}

void Fill(const WechatApi::Breaker& breaker, v1::Breaker& message) {
  using State = WechatApi::Breaker::State;
  message.set_endpoint(breaker.endpoint);
  switch (breaker.state) {
    case State::kClosed:
      return message.set_state(v1::Breaker::STATE_CLOSED);
    case State::kHalfOpen:
      return message.set_state(v1::Breaker::STATE_HALF_OPEN);
    case State::kOpen:
      message.set_state(v1::Breaker::STATE_OPEN);
      *message.mutable_retry_delay() = ToMessage(breaker.retry_in);
      return;
  }
}

}  // namespace wxident

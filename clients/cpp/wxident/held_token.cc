#include "wxident/held_token.h"

#include <utility>

namespace wxident::client {
namespace {

constexpr absl::Duration kExpiringSoon = absl::Seconds(60);

}  // namespace

const AppToken& HeldToken::Offer(AppToken token, absl::Time now) {
  if (Better(token, now)) {
    if (!token_.has_value() || token_->access_token != token.access_token)
      rejected_ = false;
    token_ = std::move(token);
  }
  return *token_;
}

bool HeldToken::Better(const AppToken& token, absl::Time now) const {
  if (!token_.has_value() || token_->expire_time <= now) return true;
  if (token.generation > 0) return token.generation >= token_->generation;
  return token_->generation == 0 || rejected_ ||
         token_->expire_time - now < kExpiringSoon;
}

void HeldToken::Reject(const std::string& access_token) {
  if (token_.has_value() && token_->access_token == access_token)
    rejected_ = true;
}

std::optional<AppToken> HeldToken::Usable(absl::Time now,
                                          bool streaming) const {
  if (!token_.has_value()) return std::nullopt;
  const absl::Duration left = token_->expire_time - now;
  if (streaming ? left <= absl::ZeroDuration() : left < kExpiringSoon)
    return std::nullopt;
  return token_;
}

}  // namespace wxident::client

#include "server/keeper/held_credential.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

// How many former values a late report is recognised by.
constexpr size_t kFormer = 4;

}  // namespace

bool HeldCredential::Usable(absl::Duration least_life,
                            absl::Duration now) const {
  return token_ != nullptr && dies_at_ - now > least_life;
}

bool HeldCredential::Good(absl::Duration now) const {
  if (refused_) return false;
  // In its last minute a value is good while its refresh is not due yet, and
  // after a failed refresh.
  return Usable(kLeastLife, now) || (Usable(absl::ZeroDuration(), now) &&
                                     (failures_ > 0 || now < due_at_));
}

bool HeldCredential::IsFormer(const Secret& value) const {
  return std::find(former_.begin(), former_.end(), value) != former_.end();
}

bool HeldCredential::Refuse(const Secret& value) {
  if (token_ == nullptr || !(token_->token == value)) return false;
  refused_ = true;
  return true;
}

void HeldCredential::Hold(AccessToken token, absl::Duration dies_at) {
  if (token_ != nullptr && !(token_->token == token.token)) {
    former_.push_front(token_->token);
    if (former_.size() > kFormer) former_.pop_back();
    refused_ = false;
  }
  token_ = std::make_shared<const AccessToken>(std::move(token));
  unreadable_ = false;
  dies_at_ = dies_at;
  due_at_ = dies_at - kLeastLife;
}

bool HeldCredential::Learn(const CredentialState& state, absl::Duration asked,
                           absl::Duration now) {
  // Generations only rise, but for a database that was set back. So a lower one
  // is believed only of an answer to a question that was put after the higher
  // one was heard of; others were on their way meanwhile, and may lack the
  // value as already known.
  if (state.generation < known_ && asked < known_at_) return false;
  if (state.generation <= known_ && asked < learned_at_) return false;
  learned_at_ = std::max(learned_at_, asked);
  failures_ = state.failures;
  if (state.pause_left > absl::ZeroDuration()) {
    pause_until_ = std::max(pause_until_, asked + state.pause_left);
    // This replica's own error tells more.
    if (ReasonName(DetailsOf(last_error_).reason) != state.failure_reason)
      last_error_ = NotedFailure(state);
  } else if (state.failures == 0) {
    pause_until_ = -absl::InfiniteDuration();
  }
  if (state.generation == 0) return false;
  const bool is_new = state.generation != known_;
  known_ = state.generation;
  if (is_new) known_at_ = now;
  if (is_new && !state.value.ok()) {
    unreadable_ = true;
    return false;
  }
  if (is_new) {
    Hold({*state.value, state.expires_at, known_}, asked + state.life);
  } else if (token_ != nullptr && token_->generation == known_) {
    dies_at_ = asked + state.life;
    if (token_->expires_at != state.expires_at)
      token_ = std::make_shared<const AccessToken>(
          AccessToken{token_->token, state.expires_at, known_});
  }
  due_at_ = asked + state.until_refresh;
  return is_new;
}

void HeldCredential::Pause(const absl::Status& error, absl::Duration until) {
  last_error_ = error;
  pause_until_ = until;
  ++failures_;
}

absl::Status NotedFailure(const CredentialState& state) {
  Error error(
      ReasonNamed(state.failure_reason).value_or(Reason::kInternalFault),
      absl::StrCat("the last attempt to fetch this failed with ",
                   state.failure_reason, "; it is repeated soon"));
  if (!state.failure_errcode.empty())
    error = std::move(error).With("errcode", state.failure_errcode);
  return std::move(error).RetryAfter(state.pause_left).ToStatus();
}

}  // namespace wxident

#include "server/rpc/token_stream.h"

#include <utility>

namespace wxident {

void TokenStream::OnToken(const AccessToken& token) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (end_.has_value()) return;
    if (state_ != State::kIdle) {
      waiting_ = token;
      return;
    }
    state_ = State::kAudited;
  }
  sink_.Commit(token);
}

void TokenStream::OnEnd(const absl::Status& status) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!SetEnd(status)) return;
  }
  sink_.End(status);
}

void TokenStream::OnPolicyReplaced() {
  const absl::Status error = AccessControl::NotAllowedError();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    // While no end is set the call lives, and the lock keeps it so.
    if (end_.has_value() || sink_.StillAllowed()) return;
    if (!SetEnd(error)) return;
  }
  sink_.End(error);
}

void TokenStream::OnCommitted(const absl::Status& audited) {
  absl::Status end;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    state_ = State::kSent;
    // Nobody who has gone, or has lost the right, gets it.
    const bool is_wanted = !end_.has_value() || end_->ok();
    if (is_wanted && audited.ok()) sink_.Send();
    if (is_wanted && !audited.ok()) end_ = audited;
    if (!end_.has_value()) return;
    end = *end_;
  }
  sink_.End(end);
}

void TokenStream::OnTaken() {
  std::optional<AccessToken> next;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (end_.has_value()) return;
    next = std::exchange(waiting_, std::nullopt);
    state_ = next.has_value() ? State::kAudited : State::kIdle;
  }
  if (next.has_value()) sink_.Commit(*next);
}

bool TokenStream::SetEnd(const absl::Status& status) {
  if (end_.has_value()) return false;
  end_ = status;
  waiting_.reset();
  return state_ != State::kAudited;
}

}  // namespace wxident

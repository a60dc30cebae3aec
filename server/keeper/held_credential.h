#ifndef WXIDENT_SERVER_KEEPER_HELD_CREDENTIAL_H_
#define WXIDENT_SERVER_KEEPER_HELD_CREDENTIAL_H_

#include <cstdint>
#include <deque>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/crypto/secret.h"
#include "server/keeper/access_token.h"
#include "server/store/credential_store.h"

namespace wxident {

// What one replica knows of a credential, and for how long it may hand it out.
// Every `now` is Clock::Monotonic(), which no one can set; the store tells
// durations, so that wall clocks that differ do no harm. Not thread-safe.
class HeldCredential {
 public:
  // A value with less life than this is handed out only if no better can be
  // had.
  static constexpr absl::Duration kLeastLife = absl::Seconds(60);

  // nullptr: none yet. It may have expired.
  const std::shared_ptr<const AccessToken>& token() const { return token_; }
  // The newest generation of the store that is known here; token() may be one
  // of generation 0 beside it.
  int64_t known() const { return known_; }
  // Fetched by this replica for itself, or not saved yet.
  bool is_local() const { return token_ != nullptr && token_->generation == 0; }
  // The stored value does not open here.
  bool unreadable() const { return unreadable_; }
  // Callers have reported token() as refused by WeChat.
  bool refused() const { return refused_; }
  const absl::Status& last_error() const { return last_error_; }

  bool Usable(absl::Duration least_life, absl::Duration now) const;
  // Good enough to look for nothing better.
  bool Good(absl::Duration now) const;
  bool Paused(absl::Duration now) const { return now < pause_until_; }
  // One of the last values before token().
  bool IsFormer(const Secret& value) const;

  // WeChat has refused `value`. False: it is not token().
  bool Refuse(const Secret& value);
  // Takes a value over whose life ends at `dies_at`.
  void Hold(AccessToken token, absl::Duration dies_at);
  // Takes over what the store answered to a question put at `asked`. True: a
  // new value. Answers may come in another order than the store's: what is
  // older than what is known changes nothing.
  bool Learn(const CredentialState& state, absl::Duration asked,
             absl::Duration now);
  // Nothing is to be fetched until `until`.
  void Pause(const absl::Status& error, absl::Duration until);

 private:
  std::shared_ptr<const AccessToken> token_;
  absl::Duration dies_at_ = absl::ZeroDuration();
  absl::Duration due_at_ = absl::ZeroDuration();
  int64_t known_ = 0;
  bool unreadable_ = false;
  bool refused_ = false;
  // The newest first.
  std::deque<Secret> former_;
  // When the store was asked for what is known here.
  absl::Duration learned_at_ = -absl::InfiniteDuration();
  // When known_ was heard of.
  absl::Duration known_at_ = -absl::InfiniteDuration();
  absl::Duration pause_until_ = -absl::InfiniteDuration();
  absl::Status last_error_;
  int failures_ = 0;
};

// The failure that another replica, or this one before its start, has noted.
absl::Status NotedFailure(const CredentialState& state);

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEEPER_HELD_CREDENTIAL_H_

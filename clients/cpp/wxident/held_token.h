#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_HELD_TOKEN_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_HELD_TOKEN_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "wxident/app_token.h"

namespace wxident::client {

// The token that an AccessTokenSource holds: which one to keep of two, and
// whether it may be handed out. Not thread-safe.
class HeldToken {
 public:
  // Takes a token unless a better one is held, and returns what is held then.
  // Of two the higher generation is better. Generation 0 stands beside the
  // others: it is taken when what is held was refused or is about to expire.
  const AppToken& Offer(AppToken token, absl::Time now);

  // WeChat has refused a token.
  void Reject(const std::string& access_token);

  // What may be handed out without asking the server. A stream brings the next
  // token in time; without one a token that is about to expire is asked for
  // again.
  std::optional<AppToken> Usable(absl::Time now, bool streaming) const;

  // What is held and still good.
  std::optional<AppToken> Unexpired(absl::Time now) const {
    return Usable(now, true);
  }

 private:
  bool Better(const AppToken& token, absl::Time now) const;

  std::optional<AppToken> token_;
  bool rejected_ = false;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_HELD_TOKEN_H_

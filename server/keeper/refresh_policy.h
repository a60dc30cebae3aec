#ifndef WXIDENT_SERVER_KEEPER_REFRESH_POLICY_H_
#define WXIDENT_SERVER_KEEPER_REFRESH_POLICY_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/crypto/random.h"
#include "server/store/credential_store.h"

namespace wxident {

// Decides when credentials are fetched, and when they are not. docs/adr/0004
// tells why.

// Returns after how long a new value with this `life` is replaced. That is
// about 5 minutes before its end, up to a minute earlier (an ordinary token or
// a ticket) or later (a stable token) by chance, and not before 30 s.
absl::Duration RefreshIn(CredentialKind kind, absl::Duration life,
                         Random& random);

// Returns how long no replica asks WeChat after a failure that followed
// `failures` others: 1 s, 2 s, ... 30 s. When asking again cannot help it is as
// long as `error` says, between 30 s and 2 minutes. When each try may have used
// up one of cgi-bin/token's fetches it grows up to 2 minutes.
absl::Duration PauseAfter(CredentialKind kind, int failures,
                          const absl::Status& error);
inline constexpr absl::Duration kLongestPause = absl::Seconds(30);
inline constexpr absl::Duration kLongestUnknownPause = absl::Minutes(2);

// Returns whether WeChat may have issued a value that was lost on the way.
bool OutcomeUnknown(const absl::Status& error);

// Returns OK if WeChat's limits allow a fetch, or, with `forced`, a forced one.
// Else TOKEN_BUDGET_EXHAUSTED with its retry time.
absl::Status OutOfBudget(CredentialKind kind, const CredentialState& state,
                         bool forced);

// Returns the error for a caller that cannot wait for another replica any
// longer.
absl::Status OtherReplicaFetches();

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEEPER_REFRESH_POLICY_H_

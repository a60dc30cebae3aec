#ifndef WXIDENT_SERVER_KEEPER_REFRESH_POLICY_H_
#define WXIDENT_SERVER_KEEPER_REFRESH_POLICY_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/crypto/random.h"
#include "server/store/credential_store.h"

namespace wxident {

// When credentials are fetched, and when not. docs/adr/0004 tells why.

// How long after it was got a value with so much life is to be replaced: 5
// minutes before its end, a little earlier or later by chance, and never at
// once.
absl::Duration RefreshIn(CredentialKind kind, absl::Duration life,
                         Random& random);

// How long nobody asks WeChat after a failure that followed `failures` others:
// 1 s, 2 s, ... 30 s; 30 s and more when asking again cannot help; up to 2
// minutes when each try may have used up one of cgi-bin/token's fetches.
absl::Duration PauseAfter(CredentialKind kind, int failures,
                          const absl::Status& error);
inline constexpr absl::Duration kLongestPause = absl::Seconds(30);
inline constexpr absl::Duration kLongestUnknownPause = absl::Minutes(2);

// Whether WeChat may have issued a value that nobody has heard of.
bool OutcomeUnknown(const absl::Status& error);

// TOKEN_BUDGET_EXHAUSTED with its retry time when WeChat's limits forbid a
// fetch, or a forced one; else OK.
absl::Status OutOfBudget(CredentialKind kind, const CredentialState& state,
                         bool forced);

// The answer to who cannot wait for another replica any longer.
absl::Status OtherReplicaFetches();

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEEPER_REFRESH_POLICY_H_

#ifndef WXIDENT_SERVER_STORE_CREDENTIAL_STORE_H_
#define WXIDENT_SERVER_STORE_CREDENTIAL_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/secret.h"

namespace wxident {

// What WeChat gives to an app, not to a person, and every replica shares: the
// access_token of either endpoint, and the jsapi_ticket.
enum class CredentialKind { kStableToken, kOrdinaryToken, kJsapiTicket };

// "stable_token": in the database, logs and metrics.
inline const char* NameOf(CredentialKind kind) {
  switch (kind) {
    case CredentialKind::kStableToken:
      return "stable_token";
    case CredentialKind::kOrdinaryToken:
      return "ordinary_token";
    case CredentialKind::kJsapiTicket:
      return "jsapi_ticket";
  }
  return "";
}

struct CredentialKey {
  std::string app_id;
  CredentialKind kind;

  friend bool operator==(const CredentialKey&, const CredentialKey&) = default;
  // clang-tidy 14 takes what the compiler makes of it for a 0 of ours.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  friend auto operator<=>(const CredentialKey&, const CredentialKey&) = default;
};

// WeChat's limits (wechat-api 5 and 6). A day of WeChat's is one of UTC+8.
inline constexpr int kOrdinaryFetchesPerDay = 2000;
inline constexpr int kForcedFetchesPerDay = 20;
inline constexpr absl::Duration kForcedFetchesApart = absl::Seconds(30);
// How long cgi-bin/token lets the token before the newest live.
inline constexpr absl::Duration kOrdinaryOverlap = absl::Minutes(5);

// One credential as the database holds it. Durations are the database's own
// reckoning at the moment of the answer: replicas whose clocks differ agree on
// them. Times are its clock's, to be shown.
struct CredentialState {
  // Rises by one with each new value. 0: there has been none; then the times
  // are absl::InfinitePast() and life and until_refresh are zero.
  int64_t generation = 0;
  // Empty when the reader has said that it knows this generation, or there is
  // none; an error (KEY_UNAVAILABLE, TAMPERED) when it does not open.
  absl::StatusOr<Secret> value = Secret();
  absl::Time fetched_at = absl::InfinitePast();
  absl::Time expires_at = absl::InfinitePast();
  absl::Time refresh_at = absl::InfinitePast();
  // Negative once expired.
  absl::Duration life;
  // Not positive: due.
  absl::Duration until_refresh;

  // Positive while a replica may be fetching.
  absl::Duration lease_left;
  // The last lease ran out without Save or Fail: its holder died or hangs, and
  // WeChat may have issued what nobody has.
  bool abandoned = false;

  // Fetches that failed in a row. Nobody may fetch while pause_left is
  // positive.
  int failures = 0;
  absl::Duration pause_left;
  // The last failure: a ReasonName, and WeChat's errcode or "".
  std::string failure_reason;
  std::string failure_errcode;

  // Fetches of WeChat's present day, all and forced ones, and its rest.
  int fetches_today = 0;
  int forced_today = 0;
  absl::Duration day_left;
  // Since the last forced fetch; absl::InfiniteDuration(): none yet.
  absl::Duration since_forced = absl::InfiniteDuration();
};

// What a reader knows already.
struct KnownCredential {
  CredentialKey key;
  int64_t generation = 0;
};

struct LeaseRequest {
  CredentialKey key;
  // The lease is given only while this is the newest generation.
  int64_t known_generation = 0;
  // False: only once the refresh is due: refresh_at has come, there is no
  // value, it has expired, or the last lease was abandoned. True: whatever time
  // is left.
  bool replace = false;
  // The fetch will be a forced one: it is counted, and the lease is not given
  // beyond kForcedFetchesPerDay and closer than kForcedFetchesApart.
  bool forced = false;
  // How long others keep away.
  absl::Duration term;
  // 16 random bytes, new for each request. They make a statement that is run
  // again after a lost connection find its own lease, while that runs; another
  // lease is not given for them.
  std::string attempt;
};

struct LeaseAnswer {
  // Set when the lease was given: what Save, Fail and CountForced must show. It
  // rises with each lease of the credential.
  std::optional<int64_t> fence;
  // After the grant; or why there is none, as of shortly before: another
  // generation, lease_left, pause_left, a budget, or nothing visible when a
  // racing request was granted at the same moment.
  CredentialState state;
};

struct FetchedCredential {
  // nullopt: WeChat gave the value of the present generation again, which
  // stays, with its fetched_at. Not while the generation is 0: INTERNAL_FAULT.
  std::optional<Secret> value;
  absl::Duration life;
  absl::Duration until_refresh;
};

struct SaveAnswer {
  // False: another lease has been given since, or Fail has ended this one;
  // nothing was written.
  bool kept = false;
  // With the value when its generation is not the one that was known.
  CredentialState state;
};

struct CredentialFailure {
  std::string reason;
  std::string errcode;
  // Before any replica may fetch again.
  absl::Duration pause;
  // The call may have had its effect, which for cgi-bin/token means that the
  // present value dies within kOrdinaryOverlap: shorten its life to that, from
  // when the lease was taken, and make it due. Of no effect for other kinds.
  bool outcome_unknown = false;
};

// The keeper's rows, shared by all replicas. All decisions are made by the
// database, in one statement each and on its clock: a lease is given by a
// conditional update, so that one of any number of racers gets it, and writes
// under a former lease do nothing. See identity_store.h for what holds of every
// operation.
class CredentialStore {
 public:
  virtual ~CredentialStore() = default;

  // The state of each, in order; rows that do not exist are like new ones.
  virtual void Read(std::vector<KnownCredential> credentials, Deadline deadline,
                    Done<std::vector<CredentialState>> done) = 0;

  // Counts a fetch of kOrdinaryToken and does not give the lease beyond
  // kOrdinaryFetchesPerDay; other kinds are counted without a limit. Not given
  // either while a lease runs or a pause lasts. Taking over an abandoned lease
  // of kOrdinaryToken shortens the present value's life to kOrdinaryOverlap
  // from when that lease was taken, and leaves it due.
  virtual void Acquire(LeaseRequest request, Deadline deadline,
                       Done<LeaseAnswer> done) = 0;

  // A second, forced fetch under the lease `fence`: counted as one, once, and
  // the lease's term begins anew. False: not within the budget, or the lease is
  // another's or has ended; `state`, always with the value, tells.
  struct ForcedAnswer {
    bool allowed = false;
    CredentialState state;
  };
  virtual void CountForced(CredentialKey key, int64_t fence,
                           absl::Duration term, Deadline deadline,
                           Done<ForcedAnswer> done) = 0;

  // Ends the lease with what was fetched; failures and pause are over.
  // `known_generation` is that of the LeaseRequest.
  virtual void Save(CredentialKey key, int64_t fence, int64_t known_generation,
                    FetchedCredential fetched, Deadline deadline,
                    Done<SaveAnswer> done) = 0;

  // Ends the lease without. Under a former lease only an unknown outcome of
  // kOrdinaryToken matters: the call may have had its effect after the present
  // value was fetched, whose life is shortened to kOrdinaryOverlap from then,
  // and whose refresh is due.
  virtual void Fail(CredentialKey key, int64_t fence, CredentialFailure failure,
                    Deadline deadline, DoneStatus done) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_CREDENTIAL_STORE_H_

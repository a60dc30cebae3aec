#ifndef WXIDENT_SERVER_STORE_POSTGRES_CREDENTIAL_CREDENTIAL_COLUMNS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_CREDENTIAL_CREDENTIAL_COLUMNS_H_

#include <set>
#include <utility>

#include "absl/status/status.h"
#include "server/crypto/aead.h"
#include "server/store/credential_store.h"
#include "server/store/postgres/pool/pg_operation.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// Pieces of the statements that look at app_credentials.
//
// Those that change rows lock the ones that `input` names first, in the order
// of their keys, and only then look at the clock. `locked` shows a row's newest
// version, not that of the statement's snapshot. now() would be when the
// statement began: after waiting for a lock it lies before what the lock's
// holder has written, so that a lease would be shorter than was asked for, and
// the count of a new day be taken for that of another. The count(*) is what
// makes the clock wait for the locks.
inline constexpr char kLockThenLook[] = R"sql(
locked AS (
  SELECT c.* FROM input
  JOIN app_credentials c ON c.app_id = input.app_id AND c.kind = input.kind
  ORDER BY c.app_id, c.kind
  FOR NO KEY UPDATE OF c
), moment AS (
  SELECT at, (at AT TIME ZONE interval '8 hours')::date AS today, locks
  FROM (SELECT clock_timestamp() AS at, count(*) AS locks FROM locked) read
))sql";

// What a SELECT names to get a state: of rows c of app_credentials, which may
// be missing, and of moment m. The value comes only if its generation is not
// input.known.
inline constexpr char kCredentialColumns[] = R"sql(
  (extract(epoch FROM m.at) * 1000000)::bigint AS now_us,
  (extract(epoch FROM (m.today + 1)::timestamp AT TIME ZONE interval '8 hours')
    * 1000000)::bigint AS day_ends_us,
  c.generation,
  CASE WHEN c.generation <> input.known THEN encode(c.value, 'hex') END
    AS value,
  (extract(epoch FROM c.fetched_at) * 1000000)::bigint AS fetched_us,
  (extract(epoch FROM c.expires_at) * 1000000)::bigint AS expires_us,
  (extract(epoch FROM c.refresh_at) * 1000000)::bigint AS refresh_us,
  CASE WHEN c.fence <> c.finished_fence
    THEN (extract(epoch FROM c.lease_until) * 1000000)::bigint END
    AS lease_until_us,
  c.failures,
  (extract(epoch FROM c.pause_until) * 1000000)::bigint AS pause_until_us,
  c.failure_reason, c.failure_errcode,
  CASE WHEN c.day = m.today THEN c.fetches END AS fetches_today,
  CASE WHEN c.day = m.today THEN c.forced END AS forced_today,
  (extract(epoch FROM c.forced_at) * 1000000)::bigint AS forced_us
)sql";

// The state of `key`, of those columns.
CredentialState CredentialAt(const SqlRow& row, const CredentialKey& key,
                             Aead& aead);

AssociatedData AssociatedDataOf(const CredentialKey& key);

// A statement changes a row once, so of the requests of a batch that name the
// same row each goes into a statement of its own. `run` gets items of different
// keys.
template <typename In, typename Out, typename RunFn>
absl::Status RunApart(const PgItems<In, Out>& items, RunFn run) {
  PgItems<In, Out> left = items;
  while (!left.empty()) {
    PgItems<In, Out> turn, later;
    std::set<CredentialKey> taken;
    for (auto* item : left)
      (taken.insert(item->in.key).second ? turn : later).push_back(item);
    if (absl::Status status = run(turn); !status.ok()) return status;
    left = std::move(later);
  }
  return absl::OkStatus();
}

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_CREDENTIAL_CREDENTIAL_COLUMNS_H_

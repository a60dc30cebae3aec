#include "server/store/postgres/credential/take_lease.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/credential/credential_columns.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

using ForcedAnswer = CredentialStore::ForcedAnswer;

std::string SqlOf(absl::Duration duration) {
  return absl::StrCat("interval '", ToMicros(duration), " microseconds'");
}

// The conditions, on rows l of locked and moment m, that a fetch is within
// WeChat's limits, and that a forced one is within those for such.
std::string FetchInBudget() {
  return absl::StrCat(
      " (l.kind <> 'ordinary_token' OR l.day <> m.today OR l.fetches < ",
      kOrdinaryFetchesPerDay, ") ");
}
std::string ForcedInBudget() {
  return absl::StrCat(" (l.day <> m.today OR l.forced < ", kForcedFetchesPerDay,
                      ") AND (l.forced_at IS NULL OR m.at - l.forced_at >= ",
                      SqlOf(kForcedFetchesApart), ") ");
}

// granted: rows whose next lease is given now. doubtful: its last holder
// vanished and may have made WeChat end the present value.
//
// A row that is not there yet is made. Of racers who make it at once one
// succeeds, and the others, whose snapshots do not show it, are told of
// nothing. Whose attempt a running lease has holds it, whether it was given
// just now or to the same statement before its answer was lost.
const SqlStatement& AcquireSql() {
  static const auto& sql = *new SqlStatement(absl::StrCat(
      R"sql(
WITH input AS (
  SELECT app_id, kind, known, replaces <> 0 AS replaces, forced <> 0 AS forced,
    term_us * interval '1 microsecond' AS term, attempt, n
  FROM unnest(:app_ids::text[], :kinds::text[], :known::bigint[],
              :replaces::bigint[], :forced::bigint[], :terms::bigint[],
              :attempts::bytea[])
    WITH ORDINALITY AS t (app_id, kind, known, replaces, forced, term_us,
                          attempt, n)
),)sql",
      kLockThenLook, R"sql(, granted AS (
  SELECT l.app_id, l.kind, input.attempt, input.term, input.forced,
    l.kind = 'ordinary_token' AND l.value IS NOT NULL
      AND l.fence <> l.finished_fence AS doubtful
  FROM input
  JOIN locked l ON l.app_id = input.app_id AND l.kind = input.kind
  CROSS JOIN moment m
  WHERE l.generation = input.known
    AND l.lease_attempt <> input.attempt
    AND (l.fence = l.finished_fence OR l.lease_until <= m.at)
    AND (l.pause_until IS NULL OR l.pause_until <= m.at)
    AND (input.replaces OR l.value IS NULL
         OR least(l.refresh_at, l.expires_at) <= m.at
         OR l.fence <> l.finished_fence)
    AND)sql",
      FetchInBudget(), "AND (NOT input.forced OR", ForcedInBudget(), R"sql()
), changed AS (
  UPDATE app_credentials c SET
    expires_at = CASE WHEN g.doubtful
      THEN least(c.expires_at, c.leased_at + )sql",
      SqlOf(kOrdinaryOverlap), R"sql() ELSE c.expires_at END,
    refresh_at = CASE WHEN g.doubtful
      THEN least(c.refresh_at, c.leased_at) ELSE c.refresh_at END,
    fence = c.fence + 1,
    lease_attempt = g.attempt,
    leased_at = m.at,
    lease_until = m.at + g.term,
    day = m.today,
    fetches = CASE WHEN c.day = m.today THEN c.fetches ELSE 0 END + 1,
    forced = CASE WHEN c.day = m.today THEN c.forced ELSE 0 END
      + g.forced::integer,
    forced_at = CASE WHEN g.forced THEN m.at ELSE c.forced_at END
  FROM granted g CROSS JOIN moment m
  WHERE c.app_id = g.app_id AND c.kind = g.kind
  RETURNING c.*
), made AS (
  INSERT INTO app_credentials
    (app_id, kind, fence, lease_attempt, leased_at, lease_until, day, fetches,
     forced, forced_at)
  SELECT input.app_id, input.kind, 1, input.attempt, m.at, m.at + input.term,
    m.today, 1, input.forced::integer, CASE WHEN input.forced THEN m.at END
  FROM input CROSS JOIN moment m
  WHERE input.known = 0 AND NOT EXISTS (
    SELECT FROM locked l
    WHERE l.app_id = input.app_id AND l.kind = input.kind)
  ORDER BY input.app_id, input.kind
  ON CONFLICT (app_id, kind) DO NOTHING
  RETURNING app_credentials.*
), present AS (
  SELECT * FROM changed
  UNION ALL SELECT * FROM made
  UNION ALL SELECT l.* FROM locked l WHERE NOT EXISTS (
    SELECT FROM changed d WHERE d.app_id = l.app_id AND d.kind = l.kind)
)
SELECT input.n,
  CASE WHEN c.lease_attempt = input.attempt AND c.fence <> c.finished_fence
    AND c.lease_until > m.at THEN c.fence END AS granted_fence,)sql",
      kCredentialColumns, R"sql(
FROM input CROSS JOIN moment m
LEFT JOIN present c ON c.app_id = input.app_id AND c.kind = input.kind)sql"));
  return sql;
}

// A repetition finds its fence in forced_fence and changes nothing.
const SqlStatement& CountForcedSql() {
  static const auto& sql = *new SqlStatement(absl::StrCat(
      R"sql(
WITH input AS (
  SELECT app_id, kind, fence, 0 AS known, n,
    term_us * interval '1 microsecond' AS term
  FROM unnest(:app_ids::text[], :kinds::text[], :fences::bigint[],
              :terms::bigint[])
    WITH ORDINALITY AS t (app_id, kind, fence, term_us, n)
),)sql",
      kLockThenLook, R"sql(, counted AS (
  UPDATE app_credentials c SET
    lease_until = m.at + input.term,
    day = m.today,
    fetches = CASE WHEN c.day = m.today THEN c.fetches ELSE 0 END + 1,
    forced = CASE WHEN c.day = m.today THEN c.forced ELSE 0 END + 1,
    forced_at = m.at,
    forced_fence = input.fence
  FROM input
  JOIN locked l ON l.app_id = input.app_id AND l.kind = input.kind
  CROSS JOIN moment m
  WHERE c.app_id = l.app_id AND c.kind = l.kind
    AND l.fence = input.fence AND l.finished_fence <> l.fence
    AND l.forced_fence <> l.fence
    AND)sql",
      FetchInBudget(), "AND", ForcedInBudget(), R"sql(
  RETURNING c.*
), present AS (
  SELECT * FROM counted
  UNION ALL SELECT l.* FROM locked l WHERE NOT EXISTS (
    SELECT FROM counted d WHERE d.app_id = l.app_id AND d.kind = l.kind)
)
SELECT input.n, c.fence = input.fence AND c.finished_fence <> c.fence
    AND c.forced_fence = c.fence AS counted,)sql",
      kCredentialColumns, R"sql(
FROM input CROSS JOIN moment m
LEFT JOIN present c ON c.app_id = input.app_id AND c.kind = input.kind)sql"));
  return sql;
}

absl::Status AcquireApart(SqlSession& session,
                          const PgItems<LeaseRequest, LeaseAnswer>& items,
                          Aead& aead) {
  PgArray app_ids, kinds, known, replaces, forced, terms, attempts;
  for (const auto* item : items) {
    const LeaseRequest& in = item->in;
    app_ids.AddText(in.key.app_id);
    kinds.AddText(NameOf(in.key.kind));
    known.AddNumber(in.known_generation);
    replaces.AddNumber(in.replace);
    forced.AddNumber(in.forced);
    terms.AddNumber(ToMicros(in.term));
    attempts.AddBytes(in.attempt);
  }
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(AcquireSql(), {{"app_ids", app_ids},
                                                     {"kinds", kinds},
                                                     {"known", known},
                                                     {"replaces", replaces},
                                                     {"forced", forced},
                                                     {"terms", terms},
                                                     {"attempts", attempts}}));
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row["n"]));
    if (item == nullptr) return NoSuchItem();
    LeaseAnswer answer;
    if (row["granted_fence"].has_value())
      answer.fence = NumberOf(row["granted_fence"]);
    answer.state = CredentialAt(row, item->in.key, aead);
    item->out = std::move(answer);
  }
  return absl::OkStatus();
}

absl::Status CountApart(SqlSession& session,
                        const PgItems<ForcedRequest, ForcedAnswer>& items,
                        Aead& aead) {
  PgArray app_ids, kinds, fences, terms;
  for (const auto* item : items) {
    app_ids.AddText(item->in.key.app_id);
    kinds.AddText(NameOf(item->in.key.kind));
    fences.AddNumber(item->in.fence);
    terms.AddNumber(ToMicros(item->in.term));
  }
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(CountForcedSql(), {{"app_ids", app_ids},
                                                         {"kinds", kinds},
                                                         {"fences", fences},
                                                         {"terms", terms}}));
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row["n"]));
    if (item == nullptr) return NoSuchItem();
    item->out = ForcedAnswer{IsTrue(row["counted"]),
                             CredentialAt(row, item->in.key, aead)};
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AcquireLeases(SqlSession& session,
                           const PgItems<LeaseRequest, LeaseAnswer>& items,
                           Aead& aead) {
  return RunApart(items, [&](const auto& apart) {
    return AcquireApart(session, apart, aead);
  });
}

absl::Status CountForcedFetches(
    SqlSession& session, const PgItems<ForcedRequest, ForcedAnswer>& items,
    Aead& aead) {
  return RunApart(items, [&](const auto& apart) {
    return CountApart(session, apart, aead);
  });
}

}  // namespace wxident

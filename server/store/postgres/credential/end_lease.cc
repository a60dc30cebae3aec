#include "server/store/postgres/credential/end_lease.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/credential/credential_columns.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

// A repetition finds its lease ended, and without a failure since.
const SqlStatement& SaveSql() {
  static const auto& sql = *new SqlStatement(absl::StrCat(
      R"sql(
WITH input AS (
  SELECT app_id, kind, fence, known, value, n,
    life_us * interval '1 microsecond' AS life,
    until_refresh_us * interval '1 microsecond' AS until_refresh
  FROM unnest(:app_ids::text[], :kinds::text[], :fences::bigint[],
              :known::bigint[], :values::bytea[], :lives::bigint[],
              :refreshes::bigint[])
    WITH ORDINALITY AS t (app_id, kind, fence, known, value, life_us,
                          until_refresh_us, n)
),)sql",
      kLockThenLook, R"sql(, saved AS (
  UPDATE app_credentials c SET
    value = coalesce(input.value, c.value),
    generation = c.generation + (input.value IS NOT NULL)::integer,
    fetched_at = CASE WHEN input.value IS NULL THEN c.fetched_at ELSE m.at END,
    expires_at = m.at + input.life,
    refresh_at = m.at + input.until_refresh,
    finished_fence = input.fence,
    failures = 0,
    pause_until = NULL
  FROM input
  JOIN locked l ON l.app_id = input.app_id AND l.kind = input.kind
  CROSS JOIN moment m
  WHERE c.app_id = l.app_id AND c.kind = l.kind
    AND l.fence = input.fence AND l.finished_fence <> l.fence
  RETURNING c.*
), present AS (
  SELECT * FROM saved
  UNION ALL SELECT l.* FROM locked l WHERE NOT EXISTS (
    SELECT FROM saved d WHERE d.app_id = l.app_id AND d.kind = l.kind)
)
SELECT input.n, c.fence = input.fence AND c.finished_fence = c.fence
    AND c.failures = 0 AS saved,)sql",
      kCredentialColumns, R"sql(
FROM input CROSS JOIN moment m
LEFT JOIN present c ON c.app_id = input.app_id AND c.kind = input.kind)sql"));
  return sql;
}

const SqlStatement& FailSql() {
  static const auto& sql = *new SqlStatement(absl::StrCat(
      R"sql(
WITH input AS (
  SELECT app_id, kind, fence, reason, errcode,
    pause_us * interval '1 microsecond' AS pause,
    kind = 'ordinary_token' AND unknown <> 0 AS doubtful
  FROM unnest(:app_ids::text[], :kinds::text[], :fences::bigint[],
              :reasons::text[], :errcodes::text[], :pauses::bigint[],
              :unknown::bigint[])
    AS t (app_id, kind, fence, reason, errcode, pause_us, unknown)
),)sql",
      kLockThenLook, R"sql(, doubted AS (
  UPDATE app_credentials c SET
    expires_at = least(c.expires_at, c.fetched_at + interval ')sql",
      ToMicros(kOrdinaryOverlap), R"sql( microseconds'),
    refresh_at = least(c.refresh_at, m.at)
  FROM input
  JOIN locked l ON l.app_id = input.app_id AND l.kind = input.kind
  CROSS JOIN moment m
  WHERE c.app_id = l.app_id AND c.kind = l.kind
    AND input.doubtful AND l.fence > input.fence AND c.value IS NOT NULL
)
UPDATE app_credentials c SET
  expires_at = CASE WHEN input.doubtful AND c.value IS NOT NULL
    THEN least(c.expires_at, c.leased_at + interval ')sql",
      ToMicros(kOrdinaryOverlap), R"sql( microseconds')
    ELSE c.expires_at END,
  refresh_at = CASE WHEN input.doubtful AND c.value IS NOT NULL
    THEN least(c.refresh_at, c.leased_at) ELSE c.refresh_at END,
  finished_fence = input.fence,
  failures = c.failures + 1,
  pause_until = m.at + input.pause,
  failure_reason = input.reason,
  failure_errcode = input.errcode
FROM input
JOIN locked l ON l.app_id = input.app_id AND l.kind = input.kind
CROSS JOIN moment m
WHERE c.app_id = l.app_id AND c.kind = l.kind
  AND l.fence = input.fence AND l.finished_fence <> l.fence)sql"));
  return sql;
}

absl::Status SaveApart(SqlSession& session,
                       const PgItems<SaveRequest, SaveAnswer>& items,
                       Aead& aead) {
  PgArray app_ids, kinds, fences, known, values, lives, refreshes;
  for (const auto* item : items) {
    const SaveRequest& in = item->in;
    app_ids.AddText(in.key.app_id);
    kinds.AddText(NameOf(in.key.kind));
    fences.AddNumber(in.fence);
    known.AddNumber(in.known_generation);
    if (in.fetched.value.has_value())
      values.AddBytes(aead.Seal(*in.fetched.value, AssociatedDataOf(in.key)));
    else
      values.AddNull();
    lives.AddNumber(ToMicros(in.fetched.life));
    refreshes.AddNumber(ToMicros(in.fetched.until_refresh));
  }
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(SaveSql(), {{"app_ids", app_ids},
                                                  {"kinds", kinds},
                                                  {"fences", fences},
                                                  {"known", known},
                                                  {"values", values},
                                                  {"lives", lives},
                                                  {"refreshes", refreshes}}));
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row["n"]));
    if (item == nullptr) return NoSuchItem();
    item->out =
        SaveAnswer{IsTrue(row["saved"]), CredentialAt(row, item->in.key, aead)};
  }
  return absl::OkStatus();
}

absl::Status FailApart(SqlSession& session,
                       const PgItems<FailRequest, Nothing>& items) {
  PgArray app_ids, kinds, fences, reasons, errcodes, pauses, unknown;
  for (const auto* item : items) {
    const FailRequest& in = item->in;
    app_ids.AddText(in.key.app_id);
    kinds.AddText(NameOf(in.key.kind));
    fences.AddNumber(in.fence);
    reasons.AddText(in.failure.reason);
    errcodes.AddText(in.failure.errcode);
    pauses.AddNumber(ToMicros(in.failure.pause));
    unknown.AddNumber(in.failure.outcome_unknown);
  }
  WX_RETURN_IF_ERROR(session
                         .Execute(FailSql(), {{"app_ids", app_ids},
                                              {"kinds", kinds},
                                              {"fences", fences},
                                              {"reasons", reasons},
                                              {"errcodes", errcodes},
                                              {"pauses", pauses},
                                              {"unknown", unknown}})
                         .status());
  for (auto* item : items) item->out = Nothing();
  return absl::OkStatus();
}

}  // namespace

absl::Status SaveCredentials(SqlSession& session,
                             const PgItems<SaveRequest, SaveAnswer>& items,
                             Aead& aead) {
  return RunApart(items, [&](const auto& apart) {
    return SaveApart(session, apart, aead);
  });
}

absl::Status FailLeases(SqlSession& session,
                        const PgItems<FailRequest, Nothing>& items) {
  return RunApart(items,
                  [&](const auto& apart) { return FailApart(session, apart); });
}

}  // namespace wxident

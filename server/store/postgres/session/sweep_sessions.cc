#include "server/store/postgres/session/sweep_sessions.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

// SKIP LOCKED: what somebody else works on stays for the next time, and
// sweepers of several replicas do not wait for each other.

const SqlStatement& SweepAnswersSql() {
  static const auto& sql = *new SqlStatement(R"sql(
WITH old AS (
  SELECT app_id, code_hash FROM login_answers
  WHERE created_at <= now() - interval '5 minutes'
  ORDER BY created_at
  LIMIT :limit::bigint
  FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM login_answers a USING old
  WHERE a.app_id = old.app_id AND a.code_hash = old.code_hash
  RETURNING 1
)
SELECT count(*) FROM gone)sql");
  return sql;
}

// After its overlap a token is not refreshed again, so nobody asks for what it
// was refreshed to; what is left would lead from an old token to the present
// one. next_token: of servers that kept the token itself.
const SqlStatement& SweepSaltsSql() {
  static const auto& sql = *new SqlStatement(R"sql(
WITH over AS (
  SELECT token_hash FROM sessions
  WHERE (next_salt IS NOT NULL OR next_token <> '\x00') AND expires_at <= now()
  ORDER BY expires_at
  LIMIT :limit::bigint
  FOR NO KEY UPDATE SKIP LOCKED
), emptied AS (
  UPDATE sessions s SET next_salt = NULL, next_token = '\x00'
  FROM over
  WHERE s.token_hash = over.token_hash
  RETURNING 1
)
SELECT count(*) FROM emptied)sql");
  return sql;
}

// A login's first row, whose lock is the family's, goes last: while it is
// there, the rest of a large family is found again. Replaced tokens stay until
// then, so that their use is still seen to be a leak.
const SqlStatement& SweepSessionsSql() {
  static const auto& sql = *new SqlStatement(R"sql(
WITH over AS (
  SELECT token_hash FROM sessions
  WHERE family IS NULL
    AND coalesce(family_ends_at, expires_at) < now() - interval '1 day'
  ORDER BY coalesce(family_ends_at, expires_at)
  LIMIT :limit::bigint
  FOR UPDATE SKIP LOCKED
), doomed AS (
  SELECT token_hash
  FROM (SELECT s.token_hash, 1 AS turn
        FROM over JOIN sessions s ON s.family = over.token_hash
        UNION ALL SELECT token_hash, 2 FROM over) family
  ORDER BY turn, token_hash
  LIMIT :limit::bigint
), gone AS (
  DELETE FROM sessions s USING doomed
  WHERE s.token_hash = doomed.token_hash
  RETURNING 1
)
SELECT count(*) FROM gone)sql");
  return sql;
}

absl::StatusOr<int> Sweep(SqlSession& session, const SqlStatement& sql,
                          int limit) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(sql, {{"limit", absl::StrCat(limit)}}));
  if (rows.size() != 1)
    return absl::InternalError("no count of what was swept");
  return static_cast<int>(NumberOf(rows[0][0]));
}

}  // namespace

absl::Status SweepSessions(SqlSession& session,
                           const PgItems<int, int>& items) {
  for (auto* item : items) {
    const int limit = item->in;
    int swept = 0;
    for (const SqlStatement* sql :
         {&SweepAnswersSql(), &SweepSaltsSql(), &SweepSessionsSql()}) {
      if (swept == limit) break;
      WX_ASSIGN_OR_RETURN(const int some, Sweep(session, *sql, limit - swept));
      swept += some;
    }
    item->out = swept;
  }
  return absl::OkStatus();
}

}  // namespace wxident

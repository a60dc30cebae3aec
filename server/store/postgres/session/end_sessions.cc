#include "server/store/postgres/session/end_sessions.h"

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/person/find_users.h"
#include "server/store/postgres/session/session_columns.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

// A statement on so many rows takes some 100 ms, of the 3 s that it may.
constexpr int kPart = 5'000;

// Only the row that stands for a login is written, and it is locked as
// refreshing locks it: a token that is being made meanwhile is revoked too.
// Rows are locked in one order, and those that another revocation took in the
// meantime drop out, so each session is counted once. Who finds a whole part
// goes on, whoever ended it.
const SqlStatement& RevokeSql() {
  static const auto& sql = *new SqlStatement(absl::StrCat(R"sql(
WITH owner AS (
  SELECT coalesce(f.merged_into, input.user_id) AS user_id
  FROM (SELECT :user_id::uuid AS user_id) input
  LEFT JOIN user_forwards f ON f.user_id = input.user_id
), part AS (
  SELECT s.token_hash
  FROM owner
  JOIN identities i ON i.user_id = owner.user_id
  JOIN sessions s ON s.app_id = i.app_id AND s.openid = i.openid
  WHERE )sql",
                                                          kLoginIsActive,
                                                          R"sql(
  LIMIT :limit::bigint
), active AS (
  SELECT s.token_hash FROM sessions s
  WHERE s.token_hash = ANY (ARRAY(SELECT token_hash FROM part))
    AND s.revoked_at IS NULL
  ORDER BY s.token_hash
  FOR NO KEY UPDATE
), ended AS (
  UPDATE sessions s SET revoked_at = now()
  FROM active
  WHERE s.token_hash = active.token_hash
  RETURNING 1
)
SELECT (SELECT count(*) FROM ended) AS ended,
  (SELECT count(*) FROM part) AS found)sql"));
  return sql;
}

// How many sessions the user has, up to a limit.
const SqlStatement& CountSessionsSql() {
  static const auto& sql = *new SqlStatement(R"sql(
SELECT count(*) FROM (
  SELECT 1
  FROM identities i
  JOIN sessions s ON s.app_id = i.app_id AND s.openid = i.openid
  WHERE i.user_id = :user_id::uuid
  LIMIT :limit::bigint) counted)sql");
  return sql;
}

// A login's first row says whether the others work, so it goes after them. A
// row that changes meanwhile has another ctid then: the next part takes it.
std::string DeleteSql(absl::string_view which) {
  return absl::StrCat("WITH part AS (SELECT s.ctid AS place, ", kLoginIsActive,
                      R"sql( AS active
  FROM identities i
  JOIN sessions s ON s.app_id = i.app_id AND s.openid = i.openid
  WHERE i.user_id = :user_id::uuid AND )sql",
                      which, R"sql(
  LIMIT :limit::bigint
  FOR UPDATE OF s
), gone AS (
  DELETE FROM sessions s USING part
  WHERE s.ctid = part.place
  RETURNING part.active
)
SELECT count(*) AS gone, count(*) FILTER (WHERE active) AS ended
FROM gone)sql");
}
const SqlStatement& DeleteOthersSql() {
  static const auto& sql = *new SqlStatement(DeleteSql("s.family IS NOT NULL"));
  return sql;
}
const SqlStatement& DeleteFirstsSql() {
  static const auto& sql = *new SqlStatement(
      DeleteSql("s.family IS NULL AND NOT EXISTS (SELECT FROM sessions t "
                "WHERE t.family = s.token_hash)"));
  return sql;
}

absl::StatusOr<EndedPart> Revoke(SqlSession& session,
                                 const std::string& user_id) {
  WX_ASSIGN_OR_RETURN(
      const SqlRows rows,
      session.Execute(RevokeSql(),
                      {{"user_id", user_id}, {"limit", absl::StrCat(kPart)}}));
  if (rows.size() != 1) return absl::InternalError("no count of what ended");
  return EndedPart{static_cast<int>(NumberOf(rows[0]["ended"])),
                   NumberOf(rows[0]["found"]) == kPart};
}

absl::StatusOr<EndedPart> Erase(SqlSession& session, const UserQuery& query) {
  WX_ASSIGN_OR_RETURN(const std::vector<FoundUser> found,
                      FindUsers(session, {query}));
  if (!found.front().has_value()) return EndedPart();
  const std::string& user_id = found.front()->user.user_id;
  WX_ASSIGN_OR_RETURN(SqlRows rows,
                      session.Execute(CountSessionsSql(),
                                      {{"user_id", user_id},
                                       {"limit", absl::StrCat(kPart + 1)}}));
  if (rows.size() != 1) return absl::InternalError("no count of sessions");
  EndedPart part{0, NumberOf(rows[0][0]) > kPart};
  if (!part.more) return part;
  for (const SqlStatement* sql : {&DeleteOthersSql(), &DeleteFirstsSql()}) {
    WX_ASSIGN_OR_RETURN(
        rows, session.Execute(*sql, {{"user_id", user_id},
                                     {"limit", absl::StrCat(kPart)}}));
    if (rows.size() != 1) return absl::InternalError("no count of what went");
    part.ended += static_cast<int>(NumberOf(rows[0]["ended"]));
    if (NumberOf(rows[0]["gone"]) == kPart) break;
  }
  return part;
}

template <typename In, typename Run>
absl::Status ForEach(const PgItems<In, EndedPart>& items, Run run) {
  for (auto* item : items) {
    // Done, when the batch is run again for another one's sake.
    if (item->out.ok()) continue;
    WX_ASSIGN_OR_RETURN(item->out, run(item->in));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RevokeUsersInPart(SqlSession& session,
                               const PgItems<std::string, EndedPart>& items) {
  return ForEach(items, [&](const std::string& user_id) {
    return Revoke(session, user_id);
  });
}

absl::Status EraseSessionsInPart(SqlSession& session,
                                 const PgItems<UserQuery, EndedPart>& items) {
  return ForEach(items,
                 [&](const UserQuery& query) { return Erase(session, query); });
}

}  // namespace wxident

#include "server/store/postgres/person/merge_users.h"

#include "server/base/status_macros.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

// FOR UPDATE is what a foreign-key check (FOR KEY SHARE) waits for: whoever
// gives the loser a row at this moment either is committed before our next
// statement looks, or fails its check after us and looks again.
const SqlStatement& LockSql() {
  static const auto& sql = *new SqlStatement(R"sql(
SELECT user_id,
  (extract(epoch FROM created_at) * 1000000)::bigint AS created_us
FROM users
WHERE user_id IN (:one::uuid, :other::uuid)
ORDER BY user_id
FOR UPDATE)sql");
  return sql;
}

const SqlStatement& MergeSql() {
  static const auto& sql = *new SqlStatement(R"sql(
WITH moved_identities AS (
  UPDATE identities SET user_id = :survivor::uuid WHERE user_id = :loser::uuid
), moved_union_ids AS (
  UPDATE union_ids SET user_id = :survivor::uuid WHERE user_id = :loser::uuid
), moved_forwards AS (
  UPDATE user_forwards SET merged_into = :survivor::uuid
  WHERE merged_into = :loser::uuid
), forwarded AS (
  INSERT INTO user_forwards (user_id, merged_into)
  VALUES (:loser::uuid, :survivor::uuid)
), gone AS (
  DELETE FROM users WHERE user_id = :loser::uuid RETURNING user_id, created_at
)
INSERT INTO user_events
  (user_id, kind, other_user_id, other_created_at, app_id)
SELECT :survivor::uuid, 'merged', user_id, created_at, :app_id FROM gone)sql");
  return sql;
}

}  // namespace

absl::Status MergeUsers(SqlSession& session, const std::string& one_user_id,
                        const std::string& other_user_id,
                        const std::string& app_id) {
  WX_ASSIGN_OR_RETURN(const SqlRows users,
                      session.Execute(LockSql(), {{"one", one_user_id},
                                                  {"other", other_user_id}}));
  if (users.size() != 2) return absl::AbortedError("a user is gone");
  // In user_id order, so at equal age the first survives.
  const bool first_is_older =
      NumberOf(users[0]["created_us"]) <= NumberOf(users[1]["created_us"]);
  const std::string survivor = TextOf(users[first_is_older ? 0 : 1]["user_id"]);
  const std::string loser = TextOf(users[first_is_older ? 1 : 0]["user_id"]);
  return session
      .Execute(MergeSql(),
               {{"survivor", survivor}, {"loser", loser}, {"app_id", app_id}})
      .status();
}

}  // namespace wxident

#include "server/store/postgres/person/merge_users.h"

#include "server/base/status_macros.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

// FOR UPDATE is what a foreign-key check (FOR KEY SHARE) waits for: whoever
// gives the loser a row at this moment either is committed before our next
// statement looks, or fails its check after us and looks again.
constexpr char kLock[] = R"sql(
SELECT user_id, (extract(epoch FROM created_at) * 1000000)::bigint
FROM users
WHERE user_id IN ($1::uuid, $2::uuid)
ORDER BY user_id
FOR UPDATE)sql";

constexpr char kMerge[] = R"sql(
WITH moved_identities AS (
  UPDATE identities SET user_id = $1::uuid WHERE user_id = $2::uuid
), moved_union_ids AS (
  UPDATE union_ids SET user_id = $1::uuid WHERE user_id = $2::uuid
), moved_forwards AS (
  UPDATE user_forwards SET merged_into = $1::uuid WHERE merged_into = $2::uuid
), forwarded AS (
  INSERT INTO user_forwards (user_id, merged_into)
  VALUES ($2::uuid, $1::uuid)
), gone AS (
  DELETE FROM users WHERE user_id = $2::uuid RETURNING user_id, created_at
)
INSERT INTO user_events
  (user_id, kind, other_user_id, other_created_at, app_id)
SELECT $1::uuid, 'merged', user_id, created_at, $3 FROM gone)sql";

}  // namespace

absl::Status MergeUsers(SqlSession& session, const std::string& one_user_id,
                        const std::string& other_user_id,
                        const std::string& app_id) {
  WX_ASSIGN_OR_RETURN(const SqlRows users,
                      session.Execute(kLock, {one_user_id, other_user_id}));
  if (users.size() != 2) return absl::AbortedError("a user is gone");
  // In user_id order, so at equal age the first survives.
  const bool first_is_older = NumberOf(users[0][1]) <= NumberOf(users[1][1]);
  const std::string survivor = TextOf(users[first_is_older ? 0 : 1][0]);
  const std::string loser = TextOf(users[first_is_older ? 1 : 0][0]);
  return session.Execute(kMerge, {survivor, loser, app_id}).status();
}

}  // namespace wxident

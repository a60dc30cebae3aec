#include "server/store/postgres/person/erase_user.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/store/postgres/person/find_users.h"
#include "server/store/postgres/session/session_columns.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

using Item = PgItem<UserQuery, std::optional<Erased>>;

// How often a user that others work on is tried.
constexpr int kLooks = 20;

// Erasing takes locks in no order that the others keep, so it is the one that
// gives way: it waits far less than the others do (lock_timeout in
// docs/database-roles.sql), and then lets everything go and begins again.
constexpr char kGiveWay[] = "SET LOCAL lock_timeout = '30ms'";

// As in merge_users.cc, FOR UPDATE makes whoever would add something wait, or
// fail its foreign key after us and look again: an identity or unionid waits
// for the user; a session, key, profile, phone or grant for the identity.
const SqlStatement& LockUserSql() {
  static const auto& sql = *new SqlStatement(R"sql(
SELECT user_id FROM users WHERE user_id = :user_id::uuid FOR UPDATE)sql");
  return sql;
}

const SqlStatement& LockIdentitiesSql() {
  static const auto& sql = *new SqlStatement(R"sql(
SELECT app_id FROM identities WHERE user_id = :user_id::uuid
ORDER BY app_id, openid
FOR UPDATE)sql");
  return sql;
}

// Foreign keys are checked when all of it is done. Login answers go with their
// sessions.
const SqlStatement& EraseSql() {
  static const auto& sql = *new SqlStatement(absl::StrCat(R"sql(
WITH mine AS (
  SELECT app_id, openid FROM identities WHERE user_id = :user_id::uuid
), my_sessions AS (
  SELECT s.token_hash, )sql",
                                                          kLoginIsActive,
                                                          R"sql( AS active
  FROM sessions s JOIN mine USING (app_id, openid)
), no_sessions AS (
  DELETE FROM sessions s USING mine
  WHERE s.app_id = mine.app_id AND s.openid = mine.openid
), no_keys AS (
  DELETE FROM session_keys k USING mine
  WHERE k.app_id = mine.app_id AND k.openid = mine.openid
), no_grants AS (
  DELETE FROM oauth_grants g USING mine
  WHERE g.app_id = mine.app_id AND g.openid = mine.openid
), no_profiles AS (
  DELETE FROM profiles f USING mine
  WHERE f.app_id = mine.app_id AND f.openid = mine.openid
), no_phones AS (
  DELETE FROM phones p USING mine
  WHERE p.app_id = mine.app_id AND p.openid = mine.openid
), no_identities AS (
  DELETE FROM identities WHERE user_id = :user_id::uuid
), no_union_ids AS (
  DELETE FROM union_ids WHERE user_id = :user_id::uuid
), no_forwards AS (
  DELETE FROM user_forwards WHERE merged_into = :user_id::uuid
), no_user AS (
  DELETE FROM users WHERE user_id = :user_id::uuid
), told AS (
  INSERT INTO user_events (user_id, kind) VALUES (:user_id::uuid, 'erased')
)
SELECT (SELECT count(*) FROM mine) AS identities,
  (SELECT count(*) FROM my_sessions WHERE active) AS sessions)sql"));
  return sql;
}

absl::Status Erase(SqlSession& session, const UserQuery& query,
                   std::optional<Erased>& erased) {
  erased.reset();
  return session.Transact([&]() -> absl::Status {
    WX_RETURN_IF_ERROR(session.Execute(kGiveWay, {}).status());
    WX_ASSIGN_OR_RETURN(const std::vector<FoundUser> found,
                        FindUsers(session, {query}));
    if (!found.front().has_value()) return absl::OkStatus();
    const std::string& user_id = found.front()->user.user_id;
    WX_ASSIGN_OR_RETURN(SqlRows rows,
                        session.Execute(LockUserSql(), {{"user_id", user_id}}));
    if (rows.empty()) return absl::AbortedError("the user was merged");
    WX_RETURN_IF_ERROR(
        session.Execute(LockIdentitiesSql(), {{"user_id", user_id}}).status());
    WX_ASSIGN_OR_RETURN(rows,
                        session.Execute(EraseSql(), {{"user_id", user_id}}));
    if (rows.size() != 1)
      return absl::InternalError("no count of what was erased");
    erased = Erased{user_id, static_cast<int>(NumberOf(rows[0]["identities"])),
                    static_cast<int>(NumberOf(rows[0]["sessions"]))};
    return absl::OkStatus();
  });
}

}  // namespace

absl::Status EraseUsers(
    SqlSession& session,
    const PgItems<UserQuery, std::optional<Erased>>& items) {
  for (Item* item : items) {
    // Done, when the batch is run again for another one's sake.
    if (item->out.ok()) continue;
    std::optional<Erased> erased;
    absl::Status status;
    for (int look = 0; look < kLooks; ++look) {
      status = Erase(session, item->in, erased);
      if (!absl::IsAborted(status)) break;
    }
    if (!status.ok() && !absl::IsAborted(status)) return status;
    if (status.ok())
      item->out = erased;
    else
      item->out = Error(Reason::kStoreUnavailable,
                        "others worked on the user all the time; retry")
                      .ToStatus();
  }
  return absl::OkStatus();
}

}  // namespace wxident

#include "server/store/postgres/session/pg_session_store.h"

#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/identity/ids.h"
#include "server/store/postgres/session/end_sessions.h"
#include "server/store/postgres/session/refresh_session.h"
#include "server/store/postgres/session/session_columns.h"
#include "server/store/postgres/session/sweep_sessions.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

constexpr char kFromSessions[] = R"sql(
FROM unnest(:token_hashes::bytea[]) WITH ORDINALITY AS input (token_hash, n)
JOIN sessions s ON s.token_hash = input.token_hash
JOIN identities i ON i.app_id = s.app_id AND i.openid = s.openid
JOIN users u ON u.user_id = i.user_id)sql";

// One row per active session that was asked for.
const SqlStatement& FindSql() {
  static const auto& sql = *new SqlStatement(
      absl::StrCat("SELECT input.n,", kOwnerColumns, kSessionTimes,
                   kFromSessions, " WHERE ", kTokenIsActive));
  return sql;
}

const SqlStatement& FindOwnerSql() {
  static const auto& sql = *new SqlStatement(absl::StrCat(
      "SELECT input.n, i.app_id, i.openid, i.unionid", kFromSessions));
  return sql;
}

const SqlStatement& FindWithKeysSql() {
  static const auto& sql = *new SqlStatement(
      absl::StrCat("SELECT input.n,", kOwnerColumns, kSessionTimes, R"sql(,
  encode(k.session_key, 'hex') AS session_key,
  CASE WHEN k.replaced_at > now() - interval '10 minutes'
    THEN encode(k.previous_session_key, 'hex') END AS previous_session_key,
  k.older_dropped OR k.replaced_at <= now() - interval '10 minutes'
    AS older_dropped
)sql",
                   kFromSessions, R"sql(
LEFT JOIN session_keys k ON k.app_id = i.app_id AND k.openid = i.openid
WHERE )sql",
                   kTokenIsActive));
  return sql;
}

// Only the row that stands for the login is written, and it is locked as
// refreshing locks it: a token that is being made meanwhile is revoked too.
// Rows are locked in one order, and those that another revocation took in the
// meantime drop out, so each session is counted once.
const SqlStatement& RevokeSql() {
  static const auto& sql = *new SqlStatement(absl::StrCat(R"sql(
WITH named AS (
  SELECT token_hash, coalesce(family, token_hash) AS login FROM sessions
  WHERE token_hash = ANY (:token_hashes::bytea[])
), active AS (
  SELECT s.token_hash FROM sessions s
  WHERE s.token_hash = ANY (ARRAY(SELECT login FROM named)) AND )sql",
                                                          kLoginIsActive,
                                                          R"sql(
  ORDER BY s.token_hash
  FOR NO KEY UPDATE
), ended AS (
  UPDATE sessions s SET revoked_at = now()
  FROM active
  WHERE s.token_hash = active.token_hash
  RETURNING s.token_hash
)
SELECT encode(named.token_hash, 'hex') AS token_hash,
  encode(ended.token_hash, 'hex') AS login
FROM ended JOIN named ON named.login = ended.token_hash)sql"));
  return sql;
}

std::vector<SqlArgument> TokenHashes(const auto& items) {
  PgArray hashes;
  for (const auto* item : items) hashes.AddBytes(item->in);
  return {{"token_hashes", hashes}};
}

absl::Status Find(SqlSession& session,
                  const PgItems<std::string, std::optional<Session>>& items) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(FindSql(), TokenHashes(items)));
  for (auto* item : items) item->out = std::optional<Session>();
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row["n"]));
    if (item == nullptr) return NoSuchItem();
    item->out = SessionAt(row);
  }
  return absl::OkStatus();
}

absl::Status FindOwner(
    SqlSession& session,
    const PgItems<std::string, std::optional<Identity>>& items) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(FindOwnerSql(), TokenHashes(items)));
  for (auto* item : items) item->out = std::optional<Identity>();
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row["n"]));
    if (item == nullptr) return NoSuchItem();
    item->out = IdentityAt(row);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<SessionWithKeys>> WithKeys(const SqlRow& row,
                                                        Aead& aead) {
  SessionWithKeys found{SessionAt(row), {}, IsTrue(row["older_dropped"])};
  const Identity& identity = found.session.identity;
  // A replaced key stands in another column, but sealed as it was.
  const AssociatedData data{
      "session_keys", "session_key", {identity.app_id, identity.openid}};
  if (const SqlValue& sealed = row["session_key"]; sealed.has_value()) {
    WX_ASSIGN_OR_RETURN(Secret key, OpenSealed(aead, sealed, data));
    found.session_keys.push_back(std::move(key));
  }
  if (const SqlValue& sealed = row["previous_session_key"];
      sealed.has_value()) {
    absl::StatusOr<Secret> key = OpenSealed(aead, sealed, data);
    if (key.ok())
      found.session_keys.push_back(*std::move(key));
    else if (HasReason(key.status(), Reason::kKeyUnavailable))
      // A login after the loss of a ring's key goes on with what it brought.
      found.older_key_dropped = true;
    else
      return key.status();
  }
  return found;
}

absl::Status FindWithKeys(
    SqlSession& session,
    const PgItems<std::string, std::optional<SessionWithKeys>>& items,
    Aead& aead) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(FindWithKeysSql(), TokenHashes(items)));
  for (auto* item : items) item->out = std::optional<SessionWithKeys>();
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row["n"]));
    if (item == nullptr) return NoSuchItem();
    item->out = WithKeys(row, aead);
  }
  return absl::OkStatus();
}

absl::Status Revoke(SqlSession& session,
                    const PgItems<std::string, int>& items) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(RevokeSql(), TokenHashes(items)));
  std::map<std::string, std::string> logins;
  for (const SqlRow& row : rows)
    logins.emplace(BytesOf(row["token_hash"]), BytesOf(row["login"]));
  // The first who asked ended it; for the others it was over.
  std::set<std::string> ended;
  for (auto* item : items) {
    const auto login = logins.find(item->in);
    item->out =
        login != logins.end() && ended.insert(login->second).second ? 1 : 0;
  }
  return absl::OkStatus();
}

// Ends a user's sessions part by part. `revoke` is the pool's, which may
// outlive the store.
void RevokeParts(PgOperation<std::string, EndedPart>& revoke,
                 std::string user_id, int ended, Deadline deadline,
                 Done<int> done) {
  std::string part_of = user_id;
  revoke.Submit(
      std::move(part_of), deadline,
      [&revoke, user_id = std::move(user_id), ended, deadline,
       done = std::move(done)](absl::StatusOr<EndedPart> part) mutable {
        if (!part.ok()) return std::move(done)(part.status());
        if (!part->more) return std::move(done)(ended + part->ended);
        RevokeParts(revoke, std::move(user_id), ended + part->ended, deadline,
                    std::move(done));
      });
}

}  // namespace

PgSessionStore::PgSessionStore(PgPool& pool, Aead& aead)
    : find_(AddPgOperation<std::string, std::optional<Session>>(
          pool, PgPool::Access::kRead, "find_session", Find)),
      find_owner_(AddPgOperation<std::string, std::optional<Identity>>(
          pool, PgPool::Access::kRead, "find_token_owner", FindOwner)),
      find_with_keys_(
          AddPgOperation<std::string, std::optional<SessionWithKeys>>(
              pool, PgPool::Access::kRead, "find_session_with_keys",
              [&aead](SqlSession& session, const auto& items) {
                return FindWithKeys(session, items, aead);
              })),
      refresh_(AddPgOperation<SessionRefresh, std::optional<RefreshedSession>>(
          pool, PgPool::Access::kWrite, "refresh_session",
          [&aead](SqlSession& session, const auto& items) {
            return RefreshSessions(session, items, aead);
          })),
      revoke_(AddPgOperation<std::string, int>(pool, PgPool::Access::kWrite,
                                               "revoke_session", Revoke)),
      revoke_user_(AddPgOperation<std::string, EndedPart>(
          pool, PgPool::Access::kWrite, "revoke_user_sessions",
          RevokeUsersInPart)),
      sweep_(AddPgOperation<int, int>(pool, PgPool::Access::kWrite,
                                      "sweep_sessions", SweepSessions)) {}

void PgSessionStore::FindSession(std::string token_hash, Deadline deadline,
                                 Done<std::optional<Session>> done) {
  find_.Submit(std::move(token_hash), deadline, std::move(done));
}

void PgSessionStore::FindTokenOwner(std::string token_hash, Deadline deadline,
                                    Done<std::optional<Identity>> done) {
  find_owner_.Submit(std::move(token_hash), deadline, std::move(done));
}

void PgSessionStore::FindSessionWithKeys(
    std::string token_hash, Deadline deadline,
    Done<std::optional<SessionWithKeys>> done) {
  find_with_keys_.Submit(std::move(token_hash), deadline, std::move(done));
}

void PgSessionStore::RevokeSession(std::string token_hash, Deadline deadline,
                                   Done<int> done) {
  revoke_.Submit(std::move(token_hash), deadline, std::move(done));
}

void PgSessionStore::RevokeUserSessions(std::string user_id, Deadline deadline,
                                        Done<int> done) {
  // Nobody has an id that is no UUID.
  if (!IsUuid(user_id)) return std::move(done)(0);
  RevokeParts(revoke_user_, std::move(user_id), 0, deadline, std::move(done));
}

void PgSessionStore::RefreshSession(
    SessionRefresh refresh, Deadline deadline,
    Done<std::optional<RefreshedSession>> done) {
  refresh_.Submit(std::move(refresh), deadline, std::move(done));
}

void PgSessionStore::Sweep(int limit, Deadline deadline, Done<int> done) {
  sweep_.Submit(limit, deadline, std::move(done));
}

}  // namespace wxident

#ifndef WXIDENT_SERVER_STORE_POSTGRES_PERSON_LINK_PERSONS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PERSON_LINK_PERSONS_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// The rule by which openids and unionids belong to users, as the WITH queries
// of a statement that begins with one named `input`. That has a row per
// identity, with the columns
//   app_id, openid  the identity
//   account         its open platform account, '' for none
//   unionid         or NULL: then the identity alone says who it is
//   proposed_id     the user to be made for an identity that nobody has; it is
//                   not needed for one that somebody has
//   n               the row's number
// What the snapshot shows (known) is left as it is; only what is missing is
// written. Whatever is inserted goes through ON CONFLICT DO UPDATE, which also
// finds a row that a racing transaction committed after our snapshot: the
// racers agree on the user of whoever was first. Inserts are sorted, so that
// batches lock in one order.
//
// They end with `settled`: input's columns, and
//   user_id         whose the identity is
//   stored_unionid  the unionid that it has now, or NULL
//   person          whose the unionid is; NULL without one
//   agreed          whether both are one user. If not, nothing was linked, and
//                   the two are to be merged: see LinkAlone
// new_union_ids and new_identities are what was written, each with a user_id.
// The statement must make users of those proposed ids among them.
inline constexpr char kLinkPersons[] = R"sql(
known AS (
  SELECT input.*, i.user_id AS known_user, i.unionid AS known_unionid,
    i.open_platform_account AS known_account, u.user_id AS union_user
  FROM input
  LEFT JOIN identities i ON i.app_id = input.app_id AND i.openid = input.openid
  LEFT JOIN union_ids u ON u.open_platform_account = input.account
    AND u.unionid = input.unionid
), new_union_ids AS (
  INSERT INTO union_ids AS u (open_platform_account, unionid, user_id)
  SELECT DISTINCT ON (account, unionid)
    account, unionid, coalesce(known_user, proposed_id)
  FROM known
  WHERE unionid IS NOT NULL AND union_user IS NULL
  ORDER BY account, unionid, known_user IS NULL, n
  ON CONFLICT (open_platform_account, unionid)
    DO UPDATE SET user_id = u.user_id
  RETURNING u.open_platform_account, u.unionid, u.user_id
), persons AS (
  SELECT known.*, coalesce(known.union_user, u.user_id) AS person
  FROM known
  LEFT JOIN new_union_ids u ON u.open_platform_account = known.account
    AND u.unionid = known.unionid
), new_identities AS (
  INSERT INTO identities AS i
    (app_id, openid, user_id, open_platform_account, unionid)
  SELECT app_id, openid, coalesce(person, proposed_id), account, unionid
  FROM persons
  WHERE known_user IS NULL
    OR (person = known_user AND (known_unionid IS DISTINCT FROM unionid
                                 OR known_account <> account))
  ORDER BY app_id, openid
  ON CONFLICT (app_id, openid) DO UPDATE SET
    open_platform_account =
      CASE WHEN i.user_id = excluded.user_id AND excluded.unionid IS NOT NULL
        THEN excluded.open_platform_account ELSE i.open_platform_account END,
    unionid =
      CASE WHEN i.user_id = excluded.user_id
        THEN coalesce(excluded.unionid, i.unionid) ELSE i.unionid END
  RETURNING i.app_id, i.openid, i.user_id, i.unionid
), settled AS (
  SELECT p.*, coalesce(i.user_id, p.known_user) AS user_id,
    coalesce(i.unionid, p.known_unionid) AS stored_unionid,
    coalesce(p.person = coalesce(i.user_id, p.known_user), true) AS agreed
  FROM persons p
  LEFT JOIN new_identities i ON i.app_id = p.app_id AND i.openid = p.openid
))sql";

// Runs such a statement for one row, in one transaction with the merge that it
// asks for, and again when the row met a racing merge. `execute` runs the
// statement, whose answer has the columns agreed, user_id and person; `take`
// takes the row, or returns false when it is not whole, because its user was
// made or moved by a transaction that the snapshot does not show. `app_id` is
// whose data shows the merge. Fails with kAborted if the row met others too
// often.
absl::Status LinkAlone(SqlSession& session, const std::string& app_id,
                       absl::FunctionRef<absl::StatusOr<SqlRows>()> execute,
                       absl::FunctionRef<bool(const SqlRow&)> take);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PERSON_LINK_PERSONS_H_

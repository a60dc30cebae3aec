#ifndef WXIDENT_SERVER_STORE_POSTGRES_SESSION_SESSION_COLUMNS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SESSION_SESSION_COLUMNS_H_

#include "server/identity/types.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// Pieces of the statements that look at sessions.

// What a SELECT names to get a user and an identity: of users u, identities i,
// by whose app User::phone_linked goes.
inline constexpr char kOwnerColumns[] = R"sql(
  u.user_id, (extract(epoch FROM u.created_at) * 1000000)::bigint
    AS user_created_us,
  EXISTS (SELECT 1 FROM identities o
          JOIN phones p ON p.app_id = o.app_id AND p.openid = o.openid
          WHERE o.user_id = i.user_id AND o.app_id = i.app_id) AS phone_linked,
  i.app_id, i.openid, i.unionid
)sql";
// What it names after them to get a session: of sessions s.
inline constexpr char kSessionTimes[] = R"sql(,
  (extract(epoch FROM s.created_at) * 1000000)::bigint AS session_created_us,
  (extract(epoch FROM s.expires_at) * 1000000)::bigint AS session_expires_us
)sql";

// What those columns say: of kOwnerColumns, and of both.
User UserAt(const SqlRow& row);
Identity IdentityAt(const SqlRow& row);
Session SessionAt(const SqlRow& row);

// The condition that the token in sessions s works.
inline constexpr char kTokenIsActive[] = R"sql(
  s.revoked_at IS NULL AND s.expires_at > now() AND NOT EXISTS (
    SELECT FROM sessions login
    WHERE login.token_hash = s.family AND login.revoked_at IS NOT NULL)
)sql";

// The condition that sessions s stands for a login of which a token works.
inline constexpr char kLoginIsActive[] = R"sql(
  s.family IS NULL AND s.revoked_at IS NULL
    AND coalesce(s.family_ends_at, s.expires_at) > now()
)sql";

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SESSION_SESSION_COLUMNS_H_

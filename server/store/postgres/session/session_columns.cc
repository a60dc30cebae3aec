#include "server/store/postgres/session/session_columns.h"

#include "server/store/postgres/sql/sql_values.h"

namespace wxident {

User UserAt(const SqlRow& row) {
  return User{TextOf(row["user_id"]), TimeOf(row["user_created_us"]),
              IsTrue(row["phone_linked"])};
}

Identity IdentityAt(const SqlRow& row) {
  return Identity{TextOf(row["app_id"]), TextOf(row["openid"]),
                  TextOf(row["unionid"])};
}

Session SessionAt(const SqlRow& row) {
  Session session;
  session.user = UserAt(row);
  session.identity = IdentityAt(row);
  session.created_at = TimeOf(row["session_created_us"]);
  session.expires_at = TimeOf(row["session_expires_us"]);
  return session;
}

}  // namespace wxident

#include "server/store/postgres/session/session_columns.h"

#include "server/store/postgres/sql/sql_values.h"

namespace wxident {

Session SessionAt(const SqlRow& row, size_t first) {
  const SqlValue* column = &row[first];
  Session session;
  session.user = User{TextOf(column[0]), TimeOf(column[1]), IsTrue(column[2])};
  session.identity =
      Identity{TextOf(column[3]), TextOf(column[4]), TextOf(column[5])};
  session.created_at = TimeOf(column[6]);
  session.expires_at = TimeOf(column[7]);
  return session;
}

}  // namespace wxident

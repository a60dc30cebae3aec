#ifndef WXIDENT_SERVER_STORE_POSTGRES_SESSION_END_SESSIONS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SESSION_END_SESSIONS_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/identity_store.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

// A user may have more sessions than one statement ends in its time, so they
// end in parts: each is one statement on a few thousand rows, and its own job
// of the pool, so that others get their turn and the deadline counts in
// between. What a part has done stays done.

// What a part has done.
struct EndedPart {
  // Sessions that were active.
  int ended = 0;
  // Whether to go on.
  bool more = false;
};

// A part of SessionStore::RevokeUserSessions, for each user. The ids are UUIDs.
absl::Status RevokeUsersInPart(SqlSession& session,
                               const PgItems<std::string, EndedPart>& items);

// Leaves of each user so few rows of sessions that erasing the user takes them
// along. Texts have been checked (CheckStorable).
absl::Status EraseSessionsInPart(SqlSession& session,
                                 const PgItems<UserQuery, EndedPart>& items);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SESSION_END_SESSIONS_H_

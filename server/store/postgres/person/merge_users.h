#ifndef WXIDENT_SERVER_STORE_POSTGRES_PERSON_MERGE_USERS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PERSON_MERGE_USERS_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// Makes one user of two, inside the caller's transaction: the older survives
// (created_at, then user_id); identities, unionids, and through the identities
// sessions, keys, profiles and phones, become the survivor's; the other id
// forwards to it, and so do those that forwarded to the other; an event row
// says that data of `app_id` showed it. kAborted when one of the two is no
// longer there: another merge was faster, so look again.
absl::Status MergeUsers(SqlSession& session, const std::string& one_user_id,
                        const std::string& other_user_id,
                        const std::string& app_id);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PERSON_MERGE_USERS_H_

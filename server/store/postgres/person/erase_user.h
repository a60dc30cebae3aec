#ifndef WXIDENT_SERVER_STORE_POSTGRES_PERSON_ERASE_USER_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PERSON_ERASE_USER_H_

#include <optional>

#include "absl/status/status.h"
#include "server/store/identity_store.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

// IdentityStore::EraseUser, each in a transaction of its own. Texts have been
// checked (CheckStorable).
absl::Status EraseUsers(SqlSession& session,
                        const PgItems<UserQuery, std::optional<Erased>>& items);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PERSON_ERASE_USER_H_

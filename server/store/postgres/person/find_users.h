#ifndef WXIDENT_SERVER_STORE_POSTGRES_PERSON_FIND_USERS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PERSON_FIND_USERS_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/identity_store.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

using FoundUser = std::optional<UserWithIdentities>;

// IdentityStore::FindUsers, in one statement. Texts have been checked
// (CheckStorable).
absl::StatusOr<std::vector<FoundUser>> FindUsers(
    SqlSession& session, const std::vector<UserQuery>& queries);

// The same over a batch.
absl::Status FindUsersBatch(
    SqlSession& session,
    const PgItems<std::vector<UserQuery>, std::vector<FoundUser>>& items);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PERSON_FIND_USERS_H_

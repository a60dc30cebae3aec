#ifndef WXIDENT_SERVER_STORE_POSTGRES_PERSON_EXPORT_USER_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PERSON_EXPORT_USER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "server/crypto/aead.h"
#include "server/store/identity_store.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

// IdentityStore::ExportUser over a batch of ids, which are UUIDs. One
// statement, so that it is the person of one moment. A phone that does not open
// fails its user's export alone.
absl::Status ExportUsers(
    SqlSession& session,
    const PgItems<std::string, std::optional<ExportedUser>>& items, Aead& aead);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PERSON_EXPORT_USER_H_

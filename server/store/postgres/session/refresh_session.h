#ifndef WXIDENT_SERVER_STORE_POSTGRES_SESSION_REFRESH_SESSION_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SESSION_REFRESH_SESSION_H_

#include <optional>

#include "absl/status/status.h"
#include "server/crypto/aead.h"
#include "server/store/postgres/pool/pg_operation.h"
#include "server/store/session_store.h"

namespace wxident {

// SessionStore::RefreshSession over a batch. `aead` seals the salts.
absl::Status RefreshSessions(
    SqlSession& session,
    const PgItems<SessionRefresh, std::optional<RefreshedSession>>& items,
    Aead& aead);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SESSION_REFRESH_SESSION_H_

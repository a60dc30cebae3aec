#ifndef WXIDENT_SERVER_STORE_POSTGRES_SESSION_PG_SESSION_STORE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SESSION_PG_SESSION_STORE_H_

#include <optional>
#include <string>

#include "server/crypto/aead.h"
#include "server/store/postgres/pool/pg_operation.h"
#include "server/store/postgres/pool/pg_pool.h"
#include "server/store/postgres/session/end_sessions.h"
#include "server/store/session_store.h"

namespace wxident {

// Sessions in PostgreSQL; its now() decides what has expired. `aead` outlives
// the pool. When a session is active but its keys do not open, only
// FindSessionWithKeys fails. RefreshSession fails with TAMPERED when the salt
// of the token that was made before does not open.
class PgSessionStore final : public SessionStore {
 public:
  PgSessionStore(PgPool& pool, Aead& aead);

  void FindSession(std::string token_hash, Deadline deadline,
                   Done<std::optional<Session>> done) override;
  void FindTokenOwner(std::string token_hash, Deadline deadline,
                      Done<std::optional<Identity>> done) override;
  void FindSessionWithKeys(std::string token_hash, Deadline deadline,
                           Done<std::optional<SessionWithKeys>> done) override;
  void RefreshSession(SessionRefresh refresh, Deadline deadline,
                      Done<std::optional<RefreshedSession>> done) override;
  void RevokeSession(std::string token_hash, Deadline deadline,
                     Done<int> done) override;
  void RevokeUserSessions(std::string user_id, Deadline deadline,
                          Done<int> done) override;
  void Sweep(int limit, Deadline deadline, Done<int> done) override;

 private:
  PgOperation<std::string, std::optional<Session>>& find_;
  PgOperation<std::string, std::optional<Identity>>& find_owner_;
  PgOperation<std::string, std::optional<SessionWithKeys>>& find_with_keys_;
  PgOperation<SessionRefresh, std::optional<RefreshedSession>>& refresh_;
  PgOperation<std::string, int>& revoke_;
  PgOperation<std::string, EndedPart>& revoke_user_;
  PgOperation<int, int>& sweep_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SESSION_PG_SESSION_STORE_H_

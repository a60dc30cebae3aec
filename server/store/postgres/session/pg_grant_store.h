#ifndef WXIDENT_SERVER_STORE_POSTGRES_SESSION_PG_GRANT_STORE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SESSION_PG_GRANT_STORE_H_

#include <optional>

#include "server/crypto/aead.h"
#include "server/store/grant_store.h"
#include "server/store/postgres/pool/pg_operation.h"
#include "server/store/postgres/pool/pg_pool.h"

namespace wxident {

// oauth_grants in PostgreSQL, sealed. `aead` outlives the pool.
class PgGrantStore final : public GrantStore {
 public:
  PgGrantStore(PgPool& pool, Aead& aead);

  void FindGrant(ProfileQuery query, Deadline deadline,
                 Done<std::optional<StoredGrant>> done) override;
  void SaveGrant(Identity identity, OauthGrant grant, Deadline deadline,
                 DoneStatus done) override;

 private:
  struct GrantToSave;
  template <typename Query>
  using Finder = PgOperation<Query, std::optional<StoredGrant>>;

  static absl::Status Save(SqlSession& session,
                           const PgItems<GrantToSave, Nothing>& items,
                           Aead& aead);

  Finder<BySession>& by_session_;
  Finder<ByOpenid>& by_openid_;
  PgOperation<GrantToSave, Nothing>& save_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SESSION_PG_GRANT_STORE_H_

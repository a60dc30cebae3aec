#ifndef WXIDENT_SERVER_STORE_POSTGRES_PG_TOKEN_STORE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PG_TOKEN_STORE_H_

#include <optional>
#include <string>

#include "server/crypto/aead.h"
#include "server/store/postgres/pg_operation.h"
#include "server/store/postgres/pg_pool.h"
#include "server/store/token_store.h"

namespace wxident {

// access_tokens in PostgreSQL, sealed. `aead` outlives the pool.
class PgTokenStore final : public TokenStore {
 public:
  PgTokenStore(PgPool& pool, Aead& aead);

  void LoadToken(std::string app_id, TokenMode mode, Deadline deadline,
                 Done<std::optional<AccessToken>> done) override;
  void SaveToken(std::string app_id, TokenMode mode, AccessToken token,
                 Deadline deadline, DoneStatus done) override;

 private:
  struct Key;
  struct Entry;
  static absl::Status Load(
      SqlSession& session,
      const PgItems<Key, std::optional<AccessToken>>& items, Aead& aead);
  static absl::Status Save(SqlSession& session,
                           const PgItems<Entry, Nothing>& items, Aead& aead);

  PgOperation<Key, std::optional<AccessToken>>& load_;
  PgOperation<Entry, Nothing>& save_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PG_TOKEN_STORE_H_

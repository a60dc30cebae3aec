#ifndef WXIDENT_SERVER_STORE_POSTGRES_PG_IDENTITY_STORE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PG_IDENTITY_STORE_H_

#include <optional>

#include "server/crypto/aead.h"
#include "server/crypto/blind_index.h"
#include "server/store/identity_store.h"
#include "server/store/postgres/pg_operation.h"
#include "server/store/postgres/pg_pool.h"

namespace wxident {

// Who is who, in PostgreSQL. All arguments outlive the pool's threads; at most
// one per pool.
class PgIdentityStore final : public IdentityStore {
 public:
  // `aead` seals session_keys; `key_digest` tells whether one is new.
  PgIdentityStore(PgPool& pool, Aead& aead, const BlindIndex& key_digest);

  void RecordSignIn(SignIn sign_in, Deadline deadline,
                    Done<SignedIn> done) override;
  void FindUser(UserQuery query, Deadline deadline,
                Done<std::optional<UserWithIdentities>> done) override;

 private:
  template <typename Query>
  using Finder = PgOperation<Query, std::optional<UserWithIdentities>>;

  PgOperation<SignIn, SignedIn>& record_;
  Finder<ByUserId>& by_user_id_;
  Finder<ByOpenid>& by_openid_;
  Finder<ByUnionid>& by_unionid_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PG_IDENTITY_STORE_H_

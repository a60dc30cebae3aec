#ifndef WXIDENT_SERVER_STORE_POSTGRES_PERSON_PG_IDENTITY_STORE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PERSON_PG_IDENTITY_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "server/crypto/aead.h"
#include "server/crypto/blind_index.h"
#include "server/store/identity_store.h"
#include "server/store/postgres/person/find_users.h"
#include "server/store/postgres/pool/pg_operation.h"
#include "server/store/postgres/pool/pg_pool.h"
#include "server/store/postgres/session/end_sessions.h"
#include "server/store/postgres/session/find_login_answer.h"

namespace wxident {

// Who is who, in PostgreSQL. All arguments outlive the pool's threads; at most
// one per pool.
class PgIdentityStore final : public IdentityStore {
 public:
  // `aead` seals keys, grants and salts; of `index` the key is derived that
  // tells whether a session_key is new.
  PgIdentityStore(PgPool& pool, Aead& aead, const BlindIndex& index);

  void RecordSignIn(SignIn sign_in, Deadline deadline,
                    Done<SignedIn> done) override;
  void FindLoginAnswer(std::string app_id, std::string code_hash,
                       Deadline deadline,
                       Done<std::optional<StoredAnswer>> done) override;
  void FindUser(UserQuery query, Deadline deadline,
                Done<FoundUser> done) override;
  void FindUsers(std::vector<UserQuery> queries, Deadline deadline,
                 Done<std::vector<FoundUser>> done) override;
  void EraseUser(UserQuery query, Deadline deadline,
                 Done<std::optional<Erased>> done) override;
  void ExportUser(std::string user_id, Deadline deadline,
                  Done<std::optional<ExportedUser>> done) override;

 private:
  PgOperation<SignIn, SignedIn>& record_;
  PgOperation<LoginCode, std::optional<StoredAnswer>>& find_answer_;
  PgOperation<std::vector<UserQuery>, std::vector<FoundUser>>& find_;
  PgOperation<UserQuery, EndedPart>& erase_sessions_;
  PgOperation<UserQuery, std::optional<Erased>>& erase_;
  PgOperation<std::string, std::optional<ExportedUser>>& export_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PERSON_PG_IDENTITY_STORE_H_

#ifndef WXIDENT_SERVER_STORE_POSTGRES_PERSON_RECORD_SIGN_IN_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PERSON_RECORD_SIGN_IN_H_

#include "absl/status/status.h"
#include "server/crypto/aead.h"
#include "server/store/identity_store.h"
#include "server/store/postgres/person/session_key_digest.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

// IdentityStore::RecordSignIn over a batch. Texts have been checked
// (CheckStorable) and ids are UUIDs.
absl::Status RecordSignIns(SqlSession& session,
                           const PgItems<SignIn, SignedIn>& items, Aead& aead,
                           const SessionKeyDigest& digest);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PERSON_RECORD_SIGN_IN_H_

#ifndef WXIDENT_SERVER_STORE_POSTGRES_SESSION_FIND_LOGIN_ANSWER_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SESSION_FIND_LOGIN_ANSWER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/crypto/aead.h"
#include "server/store/identity_store.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

struct LoginCode {
  std::string app_id;
  std::string code_hash;
};

// Where the salt of a login answer's token is sealed.
inline AssociatedData LoginAnswerData(absl::string_view app_id,
                                      absl::string_view code_hash) {
  return {"login_answers", "token_salt", {app_id, code_hash}};
}

// IdentityStore::FindLoginAnswer over a batch.
absl::Status FindLoginAnswers(
    SqlSession& session,
    const PgItems<LoginCode, std::optional<StoredAnswer>>& items, Aead& aead);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SESSION_FIND_LOGIN_ANSWER_H_

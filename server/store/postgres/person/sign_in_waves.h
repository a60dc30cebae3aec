#ifndef WXIDENT_SERVER_STORE_POSTGRES_PERSON_SIGN_IN_WAVES_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PERSON_SIGN_IN_WAVES_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/store/identity_store.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

using SignInItem = PgItem<SignIn, SignedIn>;
using SignInItems = PgItems<SignIn, SignedIn>;

// app_id and openid.
using IdentityKey = std::pair<std::string, std::string>;

IdentityKey KeyOf(const SignInItem& item);

// The logins that one statement records.
struct SignInWave {
  SignInItems logins;
  // For each identity, which stands once in a statement, the newest of its
  // logins, which speaks for all of them.
  std::map<IdentityKey, SignInItem*> representatives;
  std::set<std::string> token_hashes;
  std::set<std::string> code_hashes;

  // Returns whether the wave had room for `item`: a second login of an identity
  // may only repeat what the first says. To be called in exchanged_at order.
  bool Take(SignInItem* item);
};

// Splits a batch so that what would contradict itself in one statement runs
// one after the other, as WeChat said it.
std::vector<SignInWave> MakeSignInWaves(SignInItems items);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PERSON_SIGN_IN_WAVES_H_

#ifndef WXIDENT_SERVER_IDENTITY_SESSION_TOKEN_H_
#define WXIDENT_SERVER_IDENTITY_SESSION_TOKEN_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/crypto/random.h"
#include "server/crypto/secret.h"

namespace wxident {

// A session token is "wxs1_" and 32 bytes in base64url, 48 characters in all.
// It is made of two things that never stand in one place: a random salt, which
// is stored, and what the caller presents, which is not. So whoever repeats a
// call is given the same token, and whoever reads what is stored, the key ring
// included, makes no token of it. Without the salt a token is as hard to guess
// as 256 random bits.

// 32 random bytes.
Secret NewTokenSalt(Random& random);

// The token of a login by `code`.
Secret LoginToken(const Secret& salt, const Secret& code);

// What `token` is refreshed to. Never what LoginToken gives.
Secret RefreshedToken(const Secret& salt, const Secret& token);

// The SHA-256 of a token, 32 raw bytes: the only form in which it is stored.
// nullopt for what cannot be a token of ours.
std::optional<std::string> SessionTokenHash(absl::string_view token);

}  // namespace wxident

#endif  // WXIDENT_SERVER_IDENTITY_SESSION_TOKEN_H_

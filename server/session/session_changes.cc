#include "server/session/session_changes.h"

#include <utility>

#include "server/identity/session_token.h"

namespace wxident {

void SessionChanges::Refresh(const AuthorizedToken& token, Secret secret,
                             Deadline deadline,
                             Done<std::optional<RefreshedSession>> done) {
  sessions_.Refresh({.token = std::move(secret),
                     .token_hash = token.hash(),
                     .salt = NewTokenSalt(random_),
                     .overlap = options_.overlap,
                     .max_age = options_.max_age},
                    deadline, std::move(done));
}

void SessionChanges::Revoke(const AuthorizedToken& token, Deadline deadline,
                            Done<int> done) {
  sessions_.Revoke(token.hash(), deadline, std::move(done));
}

void SessionChanges::RevokeUser(const AuthorizedEveryApp&, std::string user_id,
                                Deadline deadline, Done<int> done) {
  sessions_.RevokeUser(std::move(user_id), deadline, std::move(done));
}

}  // namespace wxident

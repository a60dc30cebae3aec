#ifndef WXIDENT_SERVER_PERSON_AUTHORIZED_H_
#define WXIDENT_SERVER_PERSON_AUTHORIZED_H_

#include <optional>
#include <utility>
#include <vector>

#include "server/identity/authorized.h"
#include "server/identity/types.h"
#include "server/store/profile_store.h"
#include "server/store/session_store.h"

namespace wxident {

// What the stores have of people, as the guard of the calls gives it to who may
// have it; see identity/authorized.h.

// An active session of a mini program, with its session_keys.
class AuthorizedKeys : public Authorized {
 public:
  AuthorizedApp app() const { return app_; }
  const SessionWithKeys& operator*() const { return stored_; }
  const SessionWithKeys* operator->() const { return &stored_; }

 private:
  friend class RpcContext;
  friend class AuthorizedForTest;

  AuthorizedKeys(AuthorizedApp app, SessionWithKeys stored)
      : Authorized(app), app_(app), stored_(std::move(stored)) {}

  AuthorizedApp app_;
  SessionWithKeys stored_;
};

// Whose a session or identity is, and the stored profile. The app need not be
// in the configuration any more.
class AuthorizedProfile : public Authorized {
 public:
  const StoredProfile& operator*() const { return stored_; }
  const StoredProfile* operator->() const { return &stored_; }

 private:
  friend class RpcContext;

  AuthorizedProfile(Authorized proof, StoredProfile stored)
      : Authorized(proof), stored_(std::move(stored)) {}

  StoredProfile stored_;
};

// Users, each without what is of apps that the caller may not call for; nullopt
// where nobody is known or nothing is left.
class AuthorizedUsers : public Authorized {
 public:
  using Users = std::vector<std::optional<UserWithIdentities>>;

  Users& operator*() { return users_; }
  const Users& operator*() const { return users_; }

 private:
  friend class RpcContext;

  AuthorizedUsers(Authorized proof, Users users)
      : Authorized(proof), users_(std::move(users)) {}

  Users users_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_PERSON_AUTHORIZED_H_

#ifndef WXIDENT_SERVER_PERSON_USER_DATA_H_
#define WXIDENT_SERVER_PERSON_USER_DATA_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/identity/authorized.h"
#include "server/store/identity_store.h"

namespace wxident {

// All that is stored of a person, of whatever app: to hand it out, or to be rid
// of it. Thread-safe.
class UserData {
 public:
  // `forget_sessions` forgets what is in memory of sessions. The store must
  // outlive this and its calls.
  UserData(IdentityStore& identities, std::function<void()> forget_sessions)
      : identities_(identities), forget_sessions_(std::move(forget_sessions)) {}

  // Erases a user with everything; nullopt: there is none. Errors: the store's.
  void Erase(const AuthorizedEveryApp& right, UserQuery query,
             Deadline deadline, Done<std::optional<Erased>> done);

  // Everything of a user; nullopt: there is none. Errors: the store's.
  void Export(const AuthorizedEveryApp& right, std::string user_id,
              Deadline deadline, Done<std::optional<ExportedUser>> done);

 private:
  IdentityStore& identities_;
  const std::function<void()> forget_sessions_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_PERSON_USER_DATA_H_

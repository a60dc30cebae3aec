#ifndef WXIDENT_SERVER_STORE_IDENTITY_STORE_H_
#define WXIDENT_SERVER_STORE_IDENTITY_STORE_H_

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/secret.h"
#include "server/identity/types.h"

namespace wxident {

// Every store operation: thread-safe; completes once, on a store thread or
// inline; fails with the Errors STORE_UNAVAILABLE, OVERLOADED (queue full),
// DEADLINE_PASSED, KEY_UNAVAILABLE, TAMPERED, INTERNAL_FAULT besides those it
// names. A failed write may have taken effect; repeating it with the same
// input is safe and gives the same result.

// A login that WeChat has confirmed.
struct SignIn {
  Identity identity;
  // Whom the unionid is unique for (App::open_platform_account).
  std::string open_platform_account;
  // The id that the user gets if this login makes one. A UUIDv7.
  std::string new_user_id;
  // SHA-256 of the session token, 32 raw bytes.
  std::string session_token_hash;
  absl::Duration session_ttl;
  // What the token was made of beside the code: LoginToken. For the answer that
  // may have to be given again.
  Secret token_salt;
  // SHA-256 of the app id, the code and who presented it, 32 raw bytes: finds
  // that answer.
  std::string code_hash;
  // Exactly one of the two is set: a mini program's session_key, or a web
  // grant. A grant of snsapi_base does not replace one that still lives and has
  // a wider scope.
  std::optional<Secret> session_key;
  std::optional<OauthGrant> grant;
  // When WeChat gave the key or grant: the newest wins.
  absl::Time exchanged_at;
};

struct SignedIn {
  Session session;
  bool new_user;
};

// What a login was answered, as far as it is stored.
struct StoredAnswer {
  Secret token_salt;
  SignedIn signed_in;
};

// What EraseUser took away.
struct Erased {
  std::string user_id;
  int identities = 0;
  // Active ones.
  int sessions = 0;
};

// Of an identity. More would not fit into an answer.
inline constexpr int kExportedSessions = 1000;

// Everything stored of one identity, for the person.
struct ExportedIdentity {
  Identity identity;
  absl::Time created_at;
  std::optional<Profile> profile;
  std::optional<Phone> phone;
  struct ActiveSession {
    absl::Time created_at;
    absl::Time expires_at;
  };
  // The newest kExportedSessions at most, oldest first; and how many there are.
  std::vector<ActiveSession> sessions;
  int session_count = 0;
};
struct ExportedUser {
  User user;
  // In the order they appeared.
  std::vector<ExportedIdentity> identities;
  std::vector<std::string> merged_user_ids;
};

struct ByUserId {
  std::string user_id;
};
struct ByOpenid {
  std::string app_id;
  std::string openid;
};
struct ByUnionid {
  std::string open_platform_account;
  std::string unionid;
};
using UserQuery = std::variant<ByUserId, ByOpenid, ByUnionid>;

// Who is who: the mapping (app, openid) -> user, tied together by unionid.
class IdentityStore {
 public:
  virtual ~IdentityStore() = default;

  // Finds or makes the user of an identity, links its unionid, keeps the
  // session_key and stores the session, all or nothing. Rules of the mapping:
  // one row per (app, openid), ever; a user has one row per unionid of an Open
  // Platform account; an absent unionid erases none; when a unionid shows that
  // two users are one person they are merged: the older survives, the other's
  // id forwards to it. Any number of sign-ins of one person at once end with
  // one user.
  virtual void RecordSignIn(SignIn sign_in, Deadline deadline,
                            Done<SignedIn> done) = 0;

  // What RecordSignIn, on any replica, stored for a code in the last 5 min, if
  // the token that it made still works. nullopt: nothing, or not yet.
  virtual void FindLoginAnswer(std::string app_id, std::string code_hash,
                               Deadline deadline,
                               Done<std::optional<StoredAnswer>> done) = 0;

  // nullopt: nobody. A merged user's old id finds the survivor.
  virtual void FindUser(UserQuery query, Deadline deadline,
                        Done<std::optional<UserWithIdentities>> done) = 0;

  // The same for up to 500 at once, in one round trip; answers in order.
  virtual void FindUsers(
      std::vector<UserQuery> queries, Deadline deadline,
      Done<std::vector<std::optional<UserWithIdentities>>> done) = 0;

  // Takes away everything of a person in one transaction: identities, unionids,
  // sessions, keys, profiles, phones, grants, login answers, forwards. An event
  // row without personal data stays. Of somebody with thousands of sessions
  // these go first, in parts: after a failure what has gone stays gone, and a
  // repetition goes on. nullopt: nobody.
  virtual void EraseUser(UserQuery query, Deadline deadline,
                         Done<std::optional<Erased>> done) = 0;

  // nullopt: nobody.
  virtual void ExportUser(std::string user_id, Deadline deadline,
                          Done<std::optional<ExportedUser>> done) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_IDENTITY_STORE_H_

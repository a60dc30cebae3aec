#ifndef WXIDENT_TESTS_FAKES_FAKE_STORE_DATA_H_
#define WXIDENT_TESTS_FAKES_FAKE_STORE_DATA_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/crypto/secret.h"
#include "server/identity/error.h"
#include "server/identity/types.h"
#include "server/store/credential_store.h"
#include "server/store/identity_store.h"
#include "server/store/profile_store.h"
#include "server/store/session_store.h"

namespace wxident {

// What the fake stores hold: one of these is one database. `clock` decides what
// has expired. The maps are guarded by `mutex`; the methods want it held.
struct FakeStoreData {
  explicit FakeStoreData(Clock& clock) : clock(clock) {}

  using IdentityKey = std::pair<std::string, std::string>;
  using UnionKey = std::pair<std::string, std::string>;

  struct IdentityRow {
    std::string user_id;
    std::string unionid;
    int64_t number = 0;
    absl::Time created_at;
  };
  // One token. The row of a login's first token stands for the login.
  struct SessionRow {
    IdentityKey identity;
    // When the login was.
    absl::Time created_at;
    absl::Time expires_at;
    // Of the first token: the whole login is revoked.
    bool revoked = false;
    // nullopt: until expires_at.
    std::optional<absl::Duration> ttl;
    // The hash of the login's first token; empty in that one's own row.
    std::string family;
    // Set once the token was replaced: by RefreshedToken of the salt, which is
    // kept for the overlap.
    std::optional<absl::Time> next_expires_at;
    std::optional<Secret> next_salt;
    // In the first token's row: the end of the login's last token.
    std::optional<absl::Time> family_ends_at;
  };
  struct KeyRow {
    Secret key;
    absl::Time exchanged_at;
    Secret previous;
    absl::Time replaced_at;
    bool older_dropped = false;
  };
  struct GrantRow {
    OauthGrant grant;
    absl::Time exchanged_at;
  };
  // By app_id and code_hash.
  using AnswerKey = std::pair<std::string, std::string>;
  struct AnswerRow {
    std::string token_hash;
    Secret token_salt;
    bool new_user;
    absl::Time created_at;
  };
  struct CredentialRow {
    // The times are of the value, and unset while generation is 0.
    Secret value;
    int64_t generation = 0;
    absl::Time fetched_at = absl::InfinitePast();
    absl::Time expires_at = absl::InfinitePast();
    absl::Time refresh_at = absl::InfinitePast();
    // The lease runs until lease_until, unless finished_fence says that it has
    // ended.
    int64_t fence = 0;
    int64_t finished_fence = 0;
    std::string lease_attempt;
    absl::Time leased_at;
    absl::Time lease_until;
    int failures = 0;
    absl::Time pause_until = absl::InfinitePast();
    std::string failure_reason;
    std::string failure_errcode;
    // Counted on `day`, days since 1970 in UTC+8.
    int64_t day = 0;
    int fetches = 0;
    int forced = 0;
    absl::Time forced_at = absl::InfinitePast();
    // The last lease that CountForced counted under.
    int64_t forced_fence = 0;
  };

  std::string Survivor(const std::string& user_id) const {
    const auto found = forwards.find(user_id);
    return found == forwards.end() ? user_id : found->second;
  }

  // The user of an identity, by whose app User::phone_linked goes.
  User UserOf(const IdentityKey& of) const {
    const std::string& user_id = identities.at(of).user_id;
    return {user_id, users.at(user_id),
            AppsWithPhone(user_id).count(of.first) > 0};
  }
  std::set<std::string> AppsWithPhone(const std::string& user_id) const {
    std::set<std::string> apps;
    for (const auto& [key, row] : identities)
      if (row.user_id == user_id && phones.count(key) > 0)
        apps.insert(key.first);
    return apps;
  }

  // Makes one user of the two; the older survives.
  void Merge(std::string one, std::string other) {
    if (one == other) return;
    if (std::pair(users.at(other), other) < std::pair(users.at(one), one))
      std::swap(one, other);
    for (auto& [key, row] : identities)
      if (row.user_id == other) row.user_id = one;
    for (auto& [key, user_id] : unions)
      if (user_id == other) user_id = one;
    for (auto& [id, user_id] : forwards)
      if (user_id == other) user_id = one;
    forwards[other] = one;
    users.erase(other);
  }

  // Ties an identity that is there to a unionid, if it is not empty.
  void Link(const IdentityKey& key, const std::string& account,
            const std::string& unionid) {
    if (unionid.empty()) return;
    IdentityRow& row = identities.at(key);
    row.unionid = unionid;
    const auto [named, is_new] =
        unions.try_emplace({account, unionid}, row.user_id);
    if (!is_new) Merge(row.user_id, named->second);
  }

  // The user of a living or merged id, of an identity or of a unionid; "" for
  // nobody.
  std::string Find(const UserQuery& query) const {
    std::string user_id;
    if (const auto* by_id = std::get_if<ByUserId>(&query)) {
      user_id = Survivor(by_id->user_id);
    } else if (const auto* by_openid = std::get_if<ByOpenid>(&query)) {
      const auto found =
          identities.find({by_openid->app_id, by_openid->openid});
      if (found != identities.end()) user_id = found->second.user_id;
    } else {
      const auto& by_unionid = std::get<ByUnionid>(query);
      const auto found =
          unions.find({by_unionid.open_platform_account, by_unionid.unionid});
      if (found != unions.end()) user_id = found->second;
    }
    return users.count(user_id) > 0 ? user_id : "";
  }

  // A user's identities in the order they appeared.
  std::vector<IdentityKey> IdentitiesOf(const std::string& user_id) const {
    std::map<int64_t, IdentityKey> numbered;
    for (const auto& [key, row] : identities)
      if (row.user_id == user_id) numbered.emplace(row.number, key);
    std::vector<IdentityKey> keys;
    for (const auto& [number, key] : numbered) keys.push_back(key);
    return keys;
  }

  Identity IdentityOf(const IdentityKey& key) const {
    return {key.first, key.second, identities.at(key).unionid};
  }

  Session SessionOf(const SessionRow& row) const {
    return {UserOf(row.identity), IdentityOf(row.identity), row.created_at,
            row.expires_at};
  }

  // The session if its token is active, or nullptr.
  SessionRow* Active(const std::string& token_hash) {
    const auto found = sessions.find(token_hash);
    if (found == sessions.end() || LoginOf(found->second).revoked ||
        found->second.expires_at <= clock.Now())
      return nullptr;
    return &found->second;
  }

  // The row of the login's first token.
  SessionRow& LoginOf(SessionRow& row) {
    return row.family.empty() ? row : sessions.at(row.family);
  }

  static bool IsLogin(const SessionRow& row) { return row.family.empty(); }
  static absl::Time EndOf(const SessionRow& login) {
    return login.family_ends_at.value_or(login.expires_at);
  }
  bool IsActiveLogin(const SessionRow& row) const {
    return IsLogin(row) && !row.revoked && EndOf(row) > clock.Now();
  }

  // The identity that a query names, if it is there.
  std::optional<IdentityKey> FindIdentity(const ProfileQuery& query) {
    IdentityKey key;
    if (const auto* by_session = std::get_if<BySession>(&query)) {
      const SessionRow* session = Active(by_session->token_hash);
      if (session == nullptr) return std::nullopt;
      key = session->identity;
    } else {
      const auto& by_openid = std::get<ByOpenid>(query);
      key = {by_openid.app_id, by_openid.openid};
    }
    if (identities.count(key) == 0) return std::nullopt;
    return key;
  }

  Clock& clock;
  std::mutex mutex;
  int64_t next_number = 0;
  std::map<std::string, absl::Time> users;
  std::map<std::string, std::string> forwards;
  std::map<UnionKey, std::string> unions;
  std::map<IdentityKey, IdentityRow> identities;
  std::map<std::string, SessionRow> sessions;
  std::map<IdentityKey, KeyRow> keys;
  std::map<IdentityKey, GrantRow> grants;
  std::map<AnswerKey, AnswerRow> answers;
  std::map<IdentityKey, Profile> profiles;
  std::map<IdentityKey, Phone> phones;
  std::map<CredentialKey, CredentialRow> credentials;
};

// How a fake store is made to fail.
class FakeFailure {
 public:
  // Every operation from here on fails with `status`; OK ends it.
  void FailWith(absl::Status status) {
    std::lock_guard<std::mutex> lock(mutex_);
    failure_ = std::move(status);
  }

 protected:
  // What an operation must fail with before it begins, or OK.
  absl::Status Refusal(Deadline deadline, Clock& clock) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!failure_.ok()) return failure_;
    if (deadline.Passed(clock))
      return Error(Reason::kDeadlinePassed, "the deadline passed").ToStatus();
    return absl::OkStatus();
  }

 private:
  std::mutex mutex_;
  absl::Status failure_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_FAKES_FAKE_STORE_DATA_H_

#ifndef WXIDENT_TESTS_FAKES_FAKE_STORE_DATA_H_
#define WXIDENT_TESTS_FAKES_FAKE_STORE_DATA_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"
#include "server/identity/error.h"
#include "server/identity/types.h"
#include "server/store/token_store.h"

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
  };
  struct SessionRow {
    IdentityKey identity;
    absl::Time created_at;
    absl::Time expires_at;
    bool revoked = false;
  };
  struct KeyRow {
    Secret key;
    absl::Time exchanged_at;
    Secret previous;
    absl::Time replaced_at;
  };

  std::string Survivor(const std::string& user_id) const {
    const auto found = forwards.find(user_id);
    return found == forwards.end() ? user_id : found->second;
  }

  User UserOf(const std::string& user_id) const {
    User user{user_id, users.at(user_id), false};
    for (const auto& [key, row] : identities)
      if (row.user_id == user_id && phones.count(key) > 0)
        user.phone_linked = true;
    return user;
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

  // The session if it is active, or nullptr.
  SessionRow* Active(const std::string& token_hash) {
    const auto found = sessions.find(token_hash);
    if (found == sessions.end() || found->second.revoked ||
        found->second.expires_at <= clock.Now())
      return nullptr;
    return &found->second;
  }

  Clock& clock;
  std::mutex mutex;
  std::map<std::string, absl::Time> users;
  std::map<std::string, std::string> forwards;
  std::map<UnionKey, std::string> unions;
  std::map<IdentityKey, IdentityRow> identities;
  std::map<std::string, SessionRow> sessions;
  std::map<IdentityKey, KeyRow> keys;
  std::map<IdentityKey, Profile> profiles;
  std::map<IdentityKey, Phone> phones;
  std::map<std::pair<std::string, TokenMode>, AccessToken> tokens;
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

#ifndef WXIDENT_TESTS_FAKES_FAKE_SESSION_STORE_H_
#define WXIDENT_TESTS_FAKES_FAKE_SESSION_STORE_H_

#include <optional>
#include <string>
#include <utility>

#include "server/store/session_store.h"
#include "tests/fakes/fake_store_data.h"

namespace wxident {

// SessionStore in memory. Completes inline. Thread-safe.
class FakeSessionStore final : public SessionStore, public FakeFailure {
 public:
  explicit FakeSessionStore(FakeStoreData& data) : data_(data) {}

  void FindSession(std::string token_hash, Deadline deadline,
                   Done<std::optional<Session>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Find(token_hash));
  }

  void FindSessionWithKeys(std::string token_hash, Deadline deadline,
                           Done<std::optional<SessionWithKeys>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(FindWithKeys(token_hash));
  }

  void RevokeSession(std::string token_hash, Deadline deadline,
                     Done<int> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Revoke(token_hash));
  }

  void RevokeUserSessions(std::string user_id, Deadline deadline,
                          Done<int> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(RevokeUser(user_id));
  }

 private:
  Session SessionOf(const FakeStoreData::SessionRow& row) {
    const auto& identity = data_.identities.at(row.identity);
    return {data_.UserOf(identity.user_id),
            {row.identity.first, row.identity.second, identity.unionid},
            row.created_at,
            row.expires_at};
  }

  std::optional<Session> Find(const std::string& token_hash) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const auto* row = data_.Active(token_hash);
    if (row == nullptr) return std::nullopt;
    return SessionOf(*row);
  }

  std::optional<SessionWithKeys> FindWithKeys(const std::string& token_hash) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const auto* row = data_.Active(token_hash);
    if (row == nullptr) return std::nullopt;
    SessionWithKeys found{SessionOf(*row), {}};
    const auto kept = data_.keys.find(row->identity);
    if (kept == data_.keys.end()) return found;
    const FakeStoreData::KeyRow& keys = kept->second;
    found.session_keys.push_back(keys.key);
    if (!keys.previous.empty() &&
        data_.clock.Now() < keys.replaced_at + absl::Minutes(10))
      found.session_keys.push_back(keys.previous);
    return found;
  }

  int Revoke(const std::string& token_hash) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    auto* row = data_.Active(token_hash);
    if (row == nullptr) return 0;
    row->revoked = true;
    return 1;
  }

  int RevokeUser(const std::string& user_id) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const std::string survivor = data_.Survivor(user_id);
    int ended = 0;
    for (auto& [token_hash, row] : data_.sessions) {
      if (data_.Active(token_hash) == nullptr ||
          data_.identities.at(row.identity).user_id != survivor)
        continue;
      row.revoked = true;
      ++ended;
    }
    return ended;
  }

  FakeStoreData& data_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_FAKES_FAKE_SESSION_STORE_H_

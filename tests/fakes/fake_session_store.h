#ifndef WXIDENT_TESTS_FAKES_FAKE_SESSION_STORE_H_
#define WXIDENT_TESTS_FAKES_FAKE_SESSION_STORE_H_

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/identity/session_token.h"
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

  void FindTokenOwner(std::string token_hash, Deadline deadline,
                      Done<std::optional<Identity>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(OwnerOf(token_hash));
  }

  void FindSessionWithKeys(std::string token_hash, Deadline deadline,
                           Done<std::optional<SessionWithKeys>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(FindWithKeys(token_hash));
  }

  void RefreshSession(SessionRefresh refresh, Deadline deadline,
                      Done<std::optional<RefreshedSession>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Refresh(refresh));
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

  void Sweep(int limit, Deadline deadline, Done<int> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(SweepRows(limit));
  }

 private:
  std::optional<Session> Find(const std::string& token_hash) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const auto* row = data_.Active(token_hash);
    if (row == nullptr) return std::nullopt;
    return data_.SessionOf(*row);
  }

  std::optional<Identity> OwnerOf(const std::string& token_hash) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const auto found = data_.sessions.find(token_hash);
    if (found == data_.sessions.end()) return std::nullopt;
    return data_.IdentityOf(found->second.identity);
  }

  std::optional<SessionWithKeys> FindWithKeys(const std::string& token_hash) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const auto* row = data_.Active(token_hash);
    if (row == nullptr) return std::nullopt;
    SessionWithKeys found{data_.SessionOf(*row), {}, false};
    const auto kept = data_.keys.find(row->identity);
    if (kept == data_.keys.end()) return found;
    const FakeStoreData::KeyRow& keys = kept->second;
    found.session_keys.push_back(keys.key);
    const bool has_previous = !keys.previous.empty();
    const bool is_old =
        data_.clock.Now() >= keys.replaced_at + absl::Minutes(10);
    if (has_previous && !is_old) found.session_keys.push_back(keys.previous);
    found.older_key_dropped = keys.older_dropped || (has_previous && is_old);
    return found;
  }

  std::optional<RefreshedSession> Refresh(const SessionRefresh& refresh) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const auto found = data_.sessions.find(refresh.token_hash);
    if (found == data_.sessions.end()) return std::nullopt;
    FakeStoreData::SessionRow& row = found->second;
    FakeStoreData::SessionRow& login = data_.LoginOf(row);
    const absl::Time now = data_.clock.Now();
    const absl::Time last = row.created_at + refresh.max_age;
    const bool replaced = row.next_expires_at.has_value();
    if (replaced && row.expires_at <= now) login.revoked = true;
    if (login.revoked || row.expires_at <= now) return std::nullopt;
    if (replaced)
      return RefreshedSession{RefreshedToken(*row.next_salt, refresh.token),
                              *row.next_expires_at};
    if (last <= now) return std::nullopt;

    FakeStoreData::SessionRow made = row;
    made.ttl = row.ttl.value_or(row.expires_at - row.created_at);
    made.expires_at = std::min(now + *made.ttl, last);
    made.family = row.family.empty() ? refresh.token_hash : row.family;
    made.family_ends_at.reset();
    row.next_expires_at = made.expires_at;
    row.next_salt = refresh.salt;
    row.expires_at = std::min(now + refresh.overlap, last);
    login.family_ends_at = made.expires_at;
    Secret token = RefreshedToken(refresh.salt, refresh.token);
    data_.sessions[*SessionTokenHash(token.Expose())] = made;
    return RefreshedSession{std::move(token), made.expires_at};
  }

  int Revoke(const std::string& token_hash) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const auto found = data_.sessions.find(token_hash);
    if (found == data_.sessions.end()) return 0;
    FakeStoreData::SessionRow& login = data_.LoginOf(found->second);
    if (!data_.IsActiveLogin(login)) return 0;
    login.revoked = true;
    return 1;
  }

  int RevokeUser(const std::string& user_id) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const std::string survivor = data_.Survivor(user_id);
    int ended = 0;
    for (auto& [token_hash, row] : data_.sessions) {
      if (!data_.IsActiveLogin(row) ||
          data_.identities.at(row.identity).user_id != survivor)
        continue;
      row.revoked = true;
      ++ended;
    }
    return ended;
  }

  int SweepRows(int limit) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const absl::Time now = data_.clock.Now();
    int swept = 0;
    for (auto at = data_.answers.begin(); at != data_.answers.end();) {
      if (swept == limit) return swept;
      if (at->second.created_at > now - absl::Minutes(5)) {
        ++at;
        continue;
      }
      at = data_.answers.erase(at);
      ++swept;
    }
    for (auto& [hash, row] : data_.sessions) {
      if (!row.next_salt.has_value() || row.expires_at > now) continue;
      if (swept == limit) return swept;
      row.next_salt.reset();
      ++swept;
    }
    // A login's first token goes last: it says when the others may go.
    std::vector<std::string> over;
    for (const bool logins : {false, true})
      for (auto& [hash, row] : data_.sessions)
        if (FakeStoreData::IsLogin(row) == logins &&
            FakeStoreData::EndOf(data_.LoginOf(row)) < now - absl::Hours(24))
          over.push_back(hash);
    for (const std::string& hash : over) {
      if (swept == limit) break;
      data_.sessions.erase(hash);
      ++swept;
    }
    return swept;
  }

  FakeStoreData& data_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_FAKES_FAKE_SESSION_STORE_H_

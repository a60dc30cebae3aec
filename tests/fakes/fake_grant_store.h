#ifndef WXIDENT_TESTS_FAKES_FAKE_GRANT_STORE_H_
#define WXIDENT_TESTS_FAKES_FAKE_GRANT_STORE_H_

#include <optional>
#include <utility>

#include "server/store/grant_store.h"
#include "tests/fakes/fake_store_data.h"

namespace wxident {

// GrantStore in memory. Completes inline. Thread-safe.
class FakeGrantStore final : public GrantStore, public FakeFailure {
 public:
  explicit FakeGrantStore(FakeStoreData& data) : data_(data) {}

  void FindGrant(ProfileQuery query, Deadline deadline,
                 Done<std::optional<StoredGrant>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Find(query));
  }

  void SaveGrant(Identity identity, OauthGrant grant, Deadline deadline,
                 DoneStatus done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    Save({identity.app_id, identity.openid}, std::move(grant));
    std::move(done)(absl::OkStatus());
  }

 private:
  std::optional<StoredGrant> Find(const ProfileQuery& query) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const auto key = data_.FindIdentity(query);
    if (!key.has_value()) return std::nullopt;
    StoredGrant found{data_.UserOf(*key), data_.IdentityOf(*key), std::nullopt};
    const auto kept = data_.grants.find(*key);
    if (kept != data_.grants.end()) found.grant = kept->second.grant;
    return found;
  }

  void Save(const FakeStoreData::IdentityKey& key, OauthGrant grant) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    if (data_.identities.count(key) == 0) return;
    const auto ends = [](const OauthGrant& of) {
      return std::pair(of.refresh_expires_at, of.access_expires_at);
    };
    const auto [at, is_new] = data_.grants.try_emplace(
        key, FakeStoreData::GrantRow{grant, absl::UnixEpoch()});
    if (!is_new && ends(grant) >= ends(at->second.grant))
      at->second.grant = std::move(grant);
  }

  FakeStoreData& data_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_FAKES_FAKE_GRANT_STORE_H_

#ifndef WXIDENT_TESTS_FAKES_FAKE_PROFILE_STORE_H_
#define WXIDENT_TESTS_FAKES_FAKE_PROFILE_STORE_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "server/store/postgres/storable_text.h"
#include "server/store/profile_store.h"
#include "tests/fakes/fake_store_data.h"

namespace wxident {

// ProfileStore in memory. Completes inline. Thread-safe.
class FakeProfileStore final : public ProfileStore, public FakeFailure {
 public:
  explicit FakeProfileStore(FakeStoreData& data) : data_(data) {}

  void SaveProfile(Identity identity, std::string open_platform_account,
                   Profile profile, Deadline deadline,
                   Done<User> done) override {
    absl::Status refusal = Refusal(deadline, data_.clock);
    if (refusal.ok())
      refusal = CheckStorable({{"openid", identity.openid},
                               {"unionid", identity.unionid},
                               {"nickname", profile.nickname},
                               {"avatar_url", profile.avatar_url},
                               {"language", profile.language},
                               {"country", profile.country},
                               {"province", profile.province},
                               {"city", profile.city}});
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Save(identity, open_platform_account, std::move(profile)));
  }

  void FindProfile(ProfileQuery query, Deadline deadline,
                   Done<std::optional<StoredProfile>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Find(query));
  }

  void SavePhone(Identity identity, std::string open_platform_account,
                 Phone phone, Deadline deadline, DoneStatus done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(KeepPhone(identity, std::move(phone)));
  }

 private:
  static absl::Status NotKnown() {
    return Error(Reason::kUserNotFound, "nobody has this openid").ToStatus();
  }

  absl::StatusOr<User> Save(const Identity& identity,
                            const std::string& account, Profile profile) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const FakeStoreData::IdentityKey key(identity.app_id, identity.openid);
    if (data_.identities.count(key) == 0) return NotKnown();
    data_.Link(key, account, identity.unionid);
    const auto found = data_.profiles.find(key);
    if (found == data_.profiles.end() ||
        profile.fetched_at >= found->second.fetched_at)
      data_.profiles[key] = std::move(profile);
    return data_.UserOf(data_.identities.at(key).user_id);
  }

  std::optional<StoredProfile> Find(const ProfileQuery& query) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    FakeStoreData::IdentityKey key;
    if (const auto* by_session = std::get_if<BySession>(&query)) {
      const auto* session = data_.Active(by_session->token_hash);
      if (session == nullptr) return std::nullopt;
      key = session->identity;
    } else {
      const auto& by_openid = std::get<ByOpenid>(query);
      key = {by_openid.app_id, by_openid.openid};
    }
    const auto identity = data_.identities.find(key);
    if (identity == data_.identities.end()) return std::nullopt;
    StoredProfile found{data_.UserOf(identity->second.user_id),
                        {key.first, key.second, identity->second.unionid},
                        std::nullopt};
    const auto profile = data_.profiles.find(key);
    if (profile != data_.profiles.end()) found.profile = profile->second;
    return found;
  }

  absl::Status KeepPhone(const Identity& identity, Phone phone) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const FakeStoreData::IdentityKey key(identity.app_id, identity.openid);
    if (data_.identities.count(key) == 0) return NotKnown();
    const auto found = data_.phones.find(key);
    if (found == data_.phones.end() ||
        phone.watermark_time >= found->second.watermark_time)
      data_.phones[key] = std::move(phone);
    return absl::OkStatus();
  }

  FakeStoreData& data_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_FAKES_FAKE_PROFILE_STORE_H_

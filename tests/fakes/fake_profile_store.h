#ifndef WXIDENT_TESTS_FAKES_FAKE_PROFILE_STORE_H_
#define WXIDENT_TESTS_FAKES_FAKE_PROFILE_STORE_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "server/store/postgres/sql/storable_text.h"
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
                               {"city", profile.city},
                               {"subscribe_scene", profile.subscribe_scene},
                               {"qr_scene_str", profile.qr_scene_str},
                               {"remark", profile.remark}});
    for (const std::string& privilege : profile.privileges)
      if (refusal.ok()) refusal = CheckStorable({{"privileges", privilege}});
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
    // Of somebody who does not follow WeChat tells nothing.
    const bool tells =
        profile.source != ProfileSource::kFollower || profile.subscribe;
    if (found == data_.profiles.end() ||
        (tells && profile.fetched_at >= found->second.fetched_at))
      data_.profiles[key] = std::move(profile);
    return data_.UserOf(key);
  }

  std::optional<StoredProfile> Find(const ProfileQuery& query) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const auto key = data_.FindIdentity(query);
    if (!key.has_value()) return std::nullopt;
    StoredProfile found{data_.UserOf(*key), data_.IdentityOf(*key),
                        std::nullopt};
    const auto profile = data_.profiles.find(*key);
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

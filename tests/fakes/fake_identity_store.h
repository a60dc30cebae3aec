#ifndef WXIDENT_TESTS_FAKES_FAKE_IDENTITY_STORE_H_
#define WXIDENT_TESTS_FAKES_FAKE_IDENTITY_STORE_H_

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/store/identity_store.h"
#include "server/store/postgres/storable_text.h"
#include "tests/fakes/fake_store_data.h"

namespace wxident {

// IdentityStore in memory. Completes inline. Thread-safe.
class FakeIdentityStore final : public IdentityStore, public FakeFailure {
 public:
  explicit FakeIdentityStore(FakeStoreData& data) : data_(data) {}

  void RecordSignIn(SignIn in, Deadline deadline,
                    Done<SignedIn> done) override {
    absl::Status refusal = Refusal(deadline, data_.clock);
    if (refusal.ok())
      refusal =
          CheckStorable({{"app_id", in.identity.app_id},
                         {"openid", in.identity.openid},
                         {"unionid", in.identity.unionid},
                         {"open_platform_account", in.open_platform_account}});
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Record(in));
  }

  void FindUser(UserQuery query, Deadline deadline,
                Done<std::optional<UserWithIdentities>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Find(query));
  }

 private:
  SignedIn Record(const SignIn& in) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const absl::Time now = data_.clock.Now();
    const FakeStoreData::IdentityKey key(in.identity.app_id,
                                         in.identity.openid);
    if (data_.identities.count(key) == 0) {
      const auto named =
          data_.unions.find({in.open_platform_account, in.identity.unionid});
      std::string user_id = in.new_user_id;
      if (!in.identity.unionid.empty() && named != data_.unions.end())
        user_id = named->second;
      else
        data_.users.emplace(user_id, now);
      data_.identities[key] = {user_id, "",
                               static_cast<int64_t>(data_.identities.size())};
    }
    data_.Link(key, in.open_platform_account, in.identity.unionid);
    KeepKey(key, in);

    const auto& session =
        data_.sessions
            .try_emplace(in.session_token_hash,
                         FakeStoreData::SessionRow{key, now,
                                                   now + in.session_ttl, false})
            .first->second;
    const auto& row = data_.identities.at(key);
    return {{data_.UserOf(row.user_id),
             {key.first, key.second, row.unionid},
             session.created_at,
             session.expires_at},
            row.user_id == in.new_user_id};
  }

  void KeepKey(const FakeStoreData::IdentityKey& key, const SignIn& in) {
    const auto [at, is_new] = data_.keys.try_emplace(
        key, FakeStoreData::KeyRow{in.session_key, in.exchanged_at, {}, {}});
    FakeStoreData::KeyRow& row = at->second;
    if (is_new || in.exchanged_at < row.exchanged_at) return;
    row.exchanged_at = in.exchanged_at;
    if (row.key == in.session_key) return;
    row.previous = std::exchange(row.key, in.session_key);
    row.replaced_at = data_.clock.Now();
  }

  std::optional<UserWithIdentities> Find(const UserQuery& query) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    std::string user_id;
    if (const auto* by_id = std::get_if<ByUserId>(&query)) {
      user_id = data_.Survivor(by_id->user_id);
    } else if (const auto* by_openid = std::get_if<ByOpenid>(&query)) {
      const auto found =
          data_.identities.find({by_openid->app_id, by_openid->openid});
      if (found != data_.identities.end()) user_id = found->second.user_id;
    } else {
      const auto& by_unionid = std::get<ByUnionid>(query);
      const auto found = data_.unions.find(
          {by_unionid.open_platform_account, by_unionid.unionid});
      if (found != data_.unions.end()) user_id = found->second;
    }
    if (data_.users.count(user_id) == 0) return std::nullopt;

    std::vector<std::pair<int64_t, Identity>> numbered;
    for (const auto& [key, row] : data_.identities)
      if (row.user_id == user_id)
        numbered.push_back({row.number, {key.first, key.second, row.unionid}});
    std::sort(numbered.begin(), numbered.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    UserWithIdentities found{data_.UserOf(user_id), {}};
    for (auto& [number, identity] : numbered)
      found.identities.push_back(std::move(identity));
    return found;
  }

  FakeStoreData& data_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_FAKES_FAKE_IDENTITY_STORE_H_

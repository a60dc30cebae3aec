#ifndef WXIDENT_TESTS_FAKES_FAKE_IDENTITY_STORE_H_
#define WXIDENT_TESTS_FAKES_FAKE_IDENTITY_STORE_H_

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/store/identity_store.h"
#include "server/store/postgres/sql/storable_text.h"
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
    if (refusal.ok() && in.session_key.has_value() == in.grant.has_value())
      refusal = Error(Reason::kInternalFault,
                      "a login brings either a session_key or a grant")
                    .ToStatus();
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Record(in));
  }

  void FindLoginAnswer(std::string app_id, std::string code_hash,
                       Deadline deadline,
                       Done<std::optional<StoredAnswer>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(FindAnswer({app_id, code_hash}));
  }

  void FindUser(UserQuery query, Deadline deadline,
                Done<std::optional<UserWithIdentities>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Find(query));
  }

  void FindUsers(
      std::vector<UserQuery> queries, Deadline deadline,
      Done<std::vector<std::optional<UserWithIdentities>>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::vector<std::optional<UserWithIdentities>> found;
    for (const UserQuery& query : queries) found.push_back(Find(query));
    std::move(done)(std::move(found));
  }

  void EraseUser(UserQuery query, Deadline deadline,
                 Done<std::optional<Erased>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Erase(query));
  }

  void ExportUser(std::string user_id, Deadline deadline,
                  Done<std::optional<ExportedUser>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Export(user_id));
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
      data_.identities[key] = {user_id, "", data_.next_number++, now};
    }
    data_.Link(key, in.open_platform_account, in.identity.unionid);
    if (in.session_key.has_value()) KeepKey(key, in);
    if (in.grant.has_value()) KeepGrant(key, in);

    const auto& session =
        data_.sessions
            .try_emplace(
                in.session_token_hash,
                FakeStoreData::SessionRow{.identity = key,
                                          .created_at = now,
                                          .expires_at = now + in.session_ttl,
                                          .ttl = in.session_ttl})
            .first->second;
    const bool new_user = data_.identities.at(key).user_id == in.new_user_id;
    const FakeStoreData::AnswerKey answer(key.first, in.code_hash);
    const auto known = data_.answers.find(answer);
    if (known == data_.answers.end() || IsOld(known->second))
      data_.answers[answer] = {in.session_token_hash, in.token_salt, new_user,
                               now};
    return {data_.SessionOf(session), new_user};
  }

  bool IsOld(const FakeStoreData::AnswerRow& row) {
    return row.created_at <= data_.clock.Now() - absl::Minutes(5);
  }

  void KeepKey(const FakeStoreData::IdentityKey& key, const SignIn& in) {
    const auto [at, is_new] = data_.keys.try_emplace(
        key, FakeStoreData::KeyRow{*in.session_key, in.exchanged_at, {}, {}});
    FakeStoreData::KeyRow& row = at->second;
    if (is_new || in.exchanged_at < row.exchanged_at) return;
    row.exchanged_at = in.exchanged_at;
    if (row.key == *in.session_key) return;
    row.older_dropped = row.older_dropped || !row.previous.empty();
    row.previous = std::exchange(row.key, *in.session_key);
    row.replaced_at = data_.clock.Now();
  }

  // Whatever order they come in, a wider grant that lives stands before one of
  // snsapi_base, and otherwise the newest wins.
  void KeepGrant(const FakeStoreData::IdentityKey& key, const SignIn& in) {
    const auto [at, is_new] = data_.grants.try_emplace(
        key, FakeStoreData::GrantRow{*in.grant, in.exchanged_at});
    if (is_new) return;
    FakeStoreData::GrantRow& row = at->second;
    const auto is_base = [](const OauthGrant& grant) {
      return grant.scope == "snsapi_base";
    };
    bool replaces = in.exchanged_at >= row.exchanged_at;
    if (is_base(*in.grant) && !is_base(row.grant))
      replaces = row.grant.refresh_expires_at <= in.exchanged_at;
    else if (is_base(row.grant) && !is_base(*in.grant))
      replaces = in.grant->refresh_expires_at > row.exchanged_at;
    if (replaces) row = {*in.grant, in.exchanged_at};
  }

  std::optional<StoredAnswer> FindAnswer(const FakeStoreData::AnswerKey& key) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const auto found = data_.answers.find(key);
    if (found == data_.answers.end() || IsOld(found->second))
      return std::nullopt;
    const FakeStoreData::AnswerRow& row = found->second;
    const auto* session = data_.Active(row.token_hash);
    if (session == nullptr) return std::nullopt;
    return StoredAnswer{row.token_salt,
                        {data_.SessionOf(*session), row.new_user}};
  }

  // With all identities.
  User WholeUser(const std::string& user_id) {
    return {user_id, data_.users.at(user_id),
            !data_.AppsWithPhone(user_id).empty()};
  }

  std::optional<UserWithIdentities> Find(const UserQuery& query) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const std::string user_id = data_.Find(query);
    if (user_id.empty()) return std::nullopt;
    UserWithIdentities found{
        WholeUser(user_id), {}, data_.AppsWithPhone(user_id)};
    for (const auto& key : data_.IdentitiesOf(user_id))
      found.identities.push_back(data_.IdentityOf(key));
    return found;
  }

  std::optional<Erased> Erase(const UserQuery& query) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const std::string user_id = data_.Find(query);
    if (user_id.empty()) return std::nullopt;
    Erased erased{user_id, 0, 0};
    for (const auto& key : data_.IdentitiesOf(user_id)) {
      ++erased.identities;
      std::erase_if(data_.answers, [&](const auto& entry) {
        return data_.sessions.at(entry.second.token_hash).identity == key;
      });
      for (const auto& [hash, row] : data_.sessions)
        if (row.identity == key && data_.IsActiveLogin(row)) ++erased.sessions;
      std::erase_if(data_.sessions, [&](const auto& entry) {
        return entry.second.identity == key;
      });
      data_.keys.erase(key);
      data_.grants.erase(key);
      data_.profiles.erase(key);
      data_.phones.erase(key);
      data_.identities.erase(key);
    }
    const auto leads_here = [&](const auto& entry) {
      return entry.second == user_id;
    };
    std::erase_if(data_.unions, leads_here);
    std::erase_if(data_.forwards, leads_here);
    data_.users.erase(user_id);
    return erased;
  }

  std::optional<ExportedUser> Export(const std::string& id) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const std::string user_id = data_.Find(ByUserId{id});
    if (user_id.empty()) return std::nullopt;
    ExportedUser user{WholeUser(user_id), {}, {}};
    for (const auto& key : data_.IdentitiesOf(user_id)) {
      ExportedIdentity identity;
      identity.identity = data_.IdentityOf(key);
      identity.created_at = data_.identities.at(key).created_at;
      const auto profile = data_.profiles.find(key);
      if (profile != data_.profiles.end()) identity.profile = profile->second;
      const auto phone = data_.phones.find(key);
      if (phone != data_.phones.end()) identity.phone = phone->second;
      for (const auto& [hash, row] : data_.sessions)
        if (row.identity == key && data_.IsActiveLogin(row))
          identity.sessions.push_back(
              {row.created_at, FakeStoreData::EndOf(row)});
      std::sort(identity.sessions.begin(), identity.sessions.end(),
                [](const auto& a, const auto& b) {
                  return std::pair(a.created_at, a.expires_at) <
                         std::pair(b.created_at, b.expires_at);
                });
      identity.session_count = static_cast<int>(identity.sessions.size());
      if (identity.session_count > kExportedSessions)
        identity.sessions.erase(identity.sessions.begin(),
                                identity.sessions.end() - kExportedSessions);
      user.identities.push_back(std::move(identity));
    }
    for (const auto& [merged, survivor] : data_.forwards)
      if (survivor == user_id) user.merged_user_ids.push_back(merged);
    return user;
  }

  FakeStoreData& data_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_FAKES_FAKE_IDENTITY_STORE_H_

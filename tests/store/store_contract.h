#ifndef WXIDENT_TESTS_STORE_STORE_CONTRACT_H_
#define WXIDENT_TESTS_STORE_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/base/clock.h"
#include "server/identity/ids.h"
#include "server/identity/session_token.h"
#include "server/store/credential_store.h"
#include "server/store/grant_store.h"
#include "server/store/identity_store.h"
#include "server/store/profile_store.h"
#include "server/store/session_store.h"
#include "tests/crypto/fake_random.h"

namespace wxident {

// The stores over one empty database.
class StoreHarness {
 public:
  virtual ~StoreHarness() = default;
  virtual IdentityStore& identities() = 0;
  virtual SessionStore& sessions() = 0;
  virtual ProfileStore& profiles() = 0;
  virtual CredentialStore& credentials() = 0;
  virtual GrantStore& grants() = 0;
  // The clock of deadlines.
  virtual Clock& clock() = 0;
  // What the stores hold becomes older by this. WeChat's day, whose end may be
  // the real clock's, is left by whole days only.
  virtual void PassTime(absl::Duration by) = 0;
  // Names of rows that belong to nothing; none, in a sound database.
  virtual std::vector<std::string> Orphans() = 0;
};

using StoreHarnessFactory = std::unique_ptr<StoreHarness> (*)();

// Starts an operation and waits for its answer.
template <typename T, typename Start>
absl::StatusOr<T> Await(Start start) {
  std::mutex mutex;
  std::condition_variable answered;
  std::optional<absl::StatusOr<T>> answer;
  start(Done<T>([&](absl::StatusOr<T> result) {
    // Under the lock, so that this frame outlives the notification.
    std::lock_guard<std::mutex> lock(mutex);
    answer.emplace(std::move(result));
    answered.notify_one();
  }));
  std::unique_lock<std::mutex> lock(mutex);
  answered.wait(lock, [&] { return answer.has_value(); });
  return *std::move(answer);
}

template <typename Start>
absl::Status AwaitStatus(Start start) {
  return Await<bool>([&](Done<bool> done) {
           start(DoneStatus(
               [done = std::move(done)](absl::Status status) mutable {
                 if (status.ok())
                   std::move(done)(true);
                 else
                   std::move(done)(std::move(status));
               }));
         })
      .status();
}

// Runs `body(i)` for i in [0, count) on as many threads.
template <typename Body>
void OnThreads(int count, Body body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
  for (std::thread& thread : threads) thread.join();
}

// Each interface's contract runs against whatever harness a test binary
// instantiates it with.
class StoreContract : public ::testing::TestWithParam<StoreHarnessFactory> {
 protected:
  void SetUp() override { harness_ = GetParam()(); }
  void TearDown() override { EXPECT_TRUE(harness_->Orphans().empty()); }

  Deadline Soon() {
    return Deadline::After(absl::Seconds(20), harness_->clock());
  }

  // A login with a new token; `unionid` may be empty.
  SignIn Login(const std::string& app_id, const std::string& openid,
               const std::string& unionid = "") {
    SignIn in;
    in.identity = {app_id, openid, unionid};
    in.open_platform_account = "account";
    in.new_user_id = NewUserId(harness_->clock().Now(), random_);
    in.token_salt = NewTokenSalt(random_);
    in.session_token_hash =
        Remember(LoginToken(in.token_salt, Secret("a code")));
    in.code_hash = random_.Bytes(32);
    in.session_ttl = absl::Hours(1);
    in.session_key = Secret("key of " + openid);
    in.exchanged_at = harness_->clock().Now();
    return in;
  }

  // A login on one of WeChat's web pages.
  SignIn WebLogin(const std::string& app_id, const std::string& openid,
                  const std::string& unionid = "",
                  const std::string& scope = "snsapi_userinfo") {
    SignIn in = Login(app_id, openid, unionid);
    in.session_key.reset();
    in.grant = GrantOf("token of " + openid, scope);
    return in;
  }
  OauthGrant GrantOf(const std::string& token, const std::string& scope) {
    // The database keeps microseconds.
    const absl::Time now =
        absl::FromUnixMicros(absl::ToUnixMicros(harness_->clock().Now()));
    return {Secret(token), now + absl::Hours(2), Secret("refresh " + token),
            now + absl::Hours(720), scope};
  }

  absl::StatusOr<SignedIn> Record(SignIn in) {
    return Await<SignedIn>([&](Done<SignedIn> done) {
      harness_->identities().RecordSignIn(std::move(in), Soon(),
                                          std::move(done));
    });
  }
  SignedIn MustRecord(SignIn in) {
    auto signed_in = Record(std::move(in));
    EXPECT_TRUE(signed_in.ok()) << signed_in.status();
    return signed_in.ok() ? *signed_in : SignedIn();
  }

  std::optional<UserWithIdentities> FindUser(UserQuery query) {
    auto found = Await<std::optional<UserWithIdentities>>([&](auto done) {
      harness_->identities().FindUser(std::move(query), Soon(),
                                      std::move(done));
    });
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *found : std::nullopt;
  }
  std::string UserIdOf(UserQuery query) {
    const auto found = FindUser(std::move(query));
    return found.has_value() ? found->user.user_id : "nobody";
  }

  std::optional<Session> FindSession(const std::string& token_hash) {
    auto found = Await<std::optional<Session>>([&](auto done) {
      harness_->sessions().FindSession(token_hash, Soon(), std::move(done));
    });
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *found : std::nullopt;
  }

  std::optional<Identity> FindOwner(const std::string& token_hash) {
    auto found = Await<std::optional<Identity>>([&](auto done) {
      harness_->sessions().FindTokenOwner(token_hash, Soon(), std::move(done));
    });
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *found : std::nullopt;
  }

  // The texts of the session's keys.
  std::vector<std::string> KeysOf(const std::string& token_hash) {
    auto found = Await<std::optional<SessionWithKeys>>([&](auto done) {
      harness_->sessions().FindSessionWithKeys(token_hash, Soon(),
                                               std::move(done));
    });
    EXPECT_TRUE(found.ok() && found->has_value());
    std::vector<std::string> keys;
    if (found.ok() && found->has_value())
      for (const Secret& key : (*found)->session_keys)
        keys.push_back(key.Expose());
    return keys;
  }

  int Revoke(const std::string& token_hash) {
    auto count = Await<int>([&](auto done) {
      harness_->sessions().RevokeSession(token_hash, Soon(), std::move(done));
    });
    EXPECT_TRUE(count.ok()) << count.status();
    return count.value_or(-1);
  }

  absl::StatusOr<User> SaveProfile(const Identity& identity, Profile profile) {
    return Await<User>([&](auto done) {
      harness_->profiles().SaveProfile(identity, "account", std::move(profile),
                                       Soon(), std::move(done));
    });
  }
  std::optional<StoredProfile> FindProfile(ProfileQuery query) {
    auto found = Await<std::optional<StoredProfile>>([&](auto done) {
      harness_->profiles().FindProfile(std::move(query), Soon(),
                                       std::move(done));
    });
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *found : std::nullopt;
  }

  // What comes without an answer in time is a failure of the test.
  template <typename T, typename Start>
  T Must(Start start) {
    absl::StatusOr<T> answer = Await<T>(std::move(start));
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *std::move(answer) : T();
  }

  std::optional<StoredAnswer> FindAnswer(const SignIn& in) {
    return Must<std::optional<StoredAnswer>>([&](auto done) {
      harness_->identities().FindLoginAnswer(in.identity.app_id, in.code_hash,
                                             Soon(), std::move(done));
    });
  }
  std::vector<std::optional<UserWithIdentities>> FindUsers(
      std::vector<UserQuery> queries) {
    return Must<std::vector<std::optional<UserWithIdentities>>>([&](auto done) {
      harness_->identities().FindUsers(std::move(queries), Soon(),
                                       std::move(done));
    });
  }
  std::optional<Erased> Erase(UserQuery query) {
    return Must<std::optional<Erased>>([&](auto done) {
      harness_->identities().EraseUser(std::move(query), Soon(),
                                       std::move(done));
    });
  }
  std::optional<ExportedUser> Export(const std::string& user_id) {
    return Must<std::optional<ExportedUser>>([&](auto done) {
      harness_->identities().ExportUser(user_id, Soon(), std::move(done));
    });
  }
  std::optional<StoredGrant> FindGrant(ProfileQuery query) {
    return Must<std::optional<StoredGrant>>([&](auto done) {
      harness_->grants().FindGrant(std::move(query), Soon(), std::move(done));
    });
  }
  absl::Status SaveGrant(const Identity& identity, OauthGrant grant) {
    return AwaitStatus([&](DoneStatus done) {
      harness_->grants().SaveGrant(identity, std::move(grant), Soon(),
                                   std::move(done));
    });
  }

  // What a refresh makes, if it is the first of its token.
  struct NewToken : SessionRefresh {
    Secret new_token;
    std::string new_token_hash;
  };
  // A new token for what `token_hash` names, of Login or of this: 30 s of
  // overlap, 90 days at most.
  NewToken RefreshOf(const std::string& token_hash) {
    NewToken refresh;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      refresh.token = tokens_[token_hash];
    }
    refresh.token_hash = token_hash;
    refresh.salt = NewTokenSalt(random_);
    refresh.new_token = RefreshedToken(refresh.salt, refresh.token);
    refresh.new_token_hash = Remember(refresh.new_token);
    refresh.overlap = absl::Seconds(30);
    refresh.max_age = absl::Hours(90 * 24);
    return refresh;
  }
  std::optional<RefreshedSession> Refresh(SessionRefresh refresh) {
    return Must<std::optional<RefreshedSession>>([&](auto done) {
      harness_->sessions().RefreshSession(std::move(refresh), Soon(),
                                          std::move(done));
    });
  }
  int Sweep(int limit) {
    return Must<int>([&](auto done) {
      harness_->sessions().Sweep(limit, Soon(), std::move(done));
    });
  }
  int RevokeUser(const std::string& user_id) {
    return Must<int>([&](auto done) {
      harness_->sessions().RevokeUserSessions(user_id, Soon(), std::move(done));
    });
  }
  absl::Status SavePhone(const Identity& identity, absl::Time watermark) {
    return AwaitStatus([&](DoneStatus done) {
      harness_->profiles().SavePhone(
          identity, "account",
          {Secret("13800138000"), Secret("13800138000"), "86", watermark},
          Soon(), std::move(done));
    });
  }

  std::unique_ptr<StoreHarness> harness_;
  FakeRandom random_;

 private:
  // A token's hash.
  std::string Remember(const Secret& token) {
    std::string hash = *SessionTokenHash(token.Expose());
    std::lock_guard<std::mutex> lock(mutex_);
    tokens_[hash] = token;
    return hash;
  }

  std::mutex mutex_;
  // By hash. Some tests log in on several threads.
  std::map<std::string, Secret> tokens_;
};

class IdentityStoreContract : public StoreContract {};

class SessionStoreContract : public StoreContract {};

class GrantStoreContract : public StoreContract {};

// Refreshing and sweeping.
class TokenFamilyContract : public StoreContract {};

// Erasing and exporting.
class UserDataContract : public StoreContract {};

// One person, in every order in which we can learn of one.
class PersonContract : public StoreContract {};

class ProfileStoreContract : public StoreContract {
 protected:
  Profile ProfileOf(const std::string& nickname) {
    Profile profile;
    profile.nickname = nickname;
    profile.avatar_url = "https://thirdwx.example/0";
    profile.gender = Gender::kFemale;
    profile.language = "zh_CN";
    profile.country = "CN";
    profile.province = "Guangdong";
    profile.city = "Guangzhou";
    profile.fetched_at = fetched_at_;
    return profile;
  }

  const absl::Time fetched_at_ = absl::FromUnixMillis(1767323045123);
};

// Texts that must be stored as they are.
inline std::vector<std::string> HostileTexts() {
  return {"'",
          "\"",
          "\\",
          "\\\\x41",
          "{a,b}",
          "NULL",
          "null",
          "{}",
          ",",
          " a b ",
          "\n\r\t\x01\x7f",
          "'; DROP TABLE users; --",
          "$1",
          "%s%n",
          "\xf0\x9f\x98\x80 \xe5\xbe\xae\xe4\xbf\xa1",
          "\\\"{\\\"}",
          std::string(4000, '\\')};
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_STORE_STORE_CONTRACT_H_

#include <atomic>

#include "server/identity/error.h"
#include "tests/store/store_contract.h"

namespace wxident {
namespace {

TEST_P(SessionStoreContract, FindsWhatALoginMade) {
  const SignIn in = Login("wx1", "o1", "u1");
  const SignedIn made = MustRecord(in);
  const auto found = FindSession(in.session_token_hash);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->user.user_id, made.session.user.user_id);
  EXPECT_EQ(found->user.created_at, made.session.user.created_at);
  EXPECT_EQ(found->identity.app_id, "wx1");
  EXPECT_EQ(found->identity.openid, "o1");
  EXPECT_EQ(found->identity.unionid, "u1");
  EXPECT_EQ(found->created_at, made.session.created_at);
  EXPECT_EQ(found->expires_at, made.session.expires_at);
}

TEST_P(SessionStoreContract, AnUnknownTokenIsNullopt) {
  MustRecord(Login("wx1", "o1"));
  EXPECT_FALSE(FindSession(std::string(32, '\0')));
  EXPECT_FALSE(FindSession(""));
  EXPECT_EQ(Revoke(std::string(32, '\0')), 0);
}

TEST_P(SessionStoreContract, ATokenHasAnOwnerAlsoWhenItWorksNoMore) {
  const SignIn ended = Login("wx1", "o1", "u1");
  const SignIn revoked = Login("wx2", "o2");
  MustRecord(ended);
  MustRecord(revoked);
  Revoke(revoked.session_token_hash);
  harness_->PassTime(absl::Hours(1));
  ASSERT_FALSE(FindSession(ended.session_token_hash));

  const std::optional<Identity> one = FindOwner(ended.session_token_hash);
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->app_id, "wx1");
  EXPECT_EQ(one->openid, "o1");
  EXPECT_EQ(one->unionid, "u1");
  const std::optional<Identity> two = FindOwner(revoked.session_token_hash);
  ASSERT_TRUE(two.has_value());
  EXPECT_EQ(two->app_id, "wx2");
  EXPECT_EQ(two->unionid, "");
  EXPECT_FALSE(FindOwner(std::string(32, '\0')));
}

TEST_P(SessionStoreContract, ASessionEndsWithItsTime) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  harness_->PassTime(absl::Minutes(59));
  EXPECT_TRUE(FindSession(in.session_token_hash));
  harness_->PassTime(absl::Minutes(1));
  EXPECT_FALSE(FindSession(in.session_token_hash));
  EXPECT_EQ(Revoke(in.session_token_hash), 0);
}

TEST_P(SessionStoreContract, ARevocationEndsOneSession) {
  const SignIn one = Login("wx1", "o1");
  const SignIn two = Login("wx1", "o1");
  MustRecord(one);
  MustRecord(two);
  EXPECT_EQ(Revoke(one.session_token_hash), 1);
  EXPECT_EQ(Revoke(one.session_token_hash), 0);
  EXPECT_FALSE(FindSession(one.session_token_hash));
  EXPECT_TRUE(FindSession(two.session_token_hash));
}

TEST_P(SessionStoreContract, RacingRevocationsCountASessionOnce) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  std::atomic<int> ended = 0;
  OnThreads(32, [&](int) { ended += Revoke(in.session_token_hash); });
  EXPECT_EQ(ended, 1);
}

TEST_P(SessionStoreContract, AUserRevokesEverywhereAlsoByAMergedId) {
  const SignIn one = Login("wx1", "o1");
  const SignIn two = Login("wx2", "o2", "u1");
  const SignIn stranger = Login("wx1", "o3");
  MustRecord(one);
  MustRecord(stranger);
  harness_->PassTime(absl::Seconds(1));
  const std::string merged_id = MustRecord(two).session.user.user_id;
  const SignIn three = Login("wx1", "o1", "u1");
  ASSERT_NE(MustRecord(three).session.user.user_id, merged_id);

  EXPECT_EQ(RevokeUser(merged_id), 3);
  EXPECT_EQ(RevokeUser(merged_id), 0);
  for (const SignIn& ended : {one, two, three})
    EXPECT_FALSE(FindSession(ended.session_token_hash));
  EXPECT_TRUE(FindSession(stranger.session_token_hash));
  EXPECT_EQ(RevokeUser("no uuid"), 0);
}

TEST_P(SessionStoreContract, RacingUserRevocationsCountEachSessionOnce) {
  std::string user_id;
  for (int i = 0; i < 10; ++i)
    user_id = MustRecord(Login("wx1", "o1")).session.user.user_id;
  std::atomic<int> ended = 0;
  OnThreads(16, [&](int) { ended += RevokeUser(user_id); });
  EXPECT_EQ(ended, 10);
}

TEST_P(SessionStoreContract, AReplacedKeyIsKeptForTenMinutes) {
  SignIn first = Login("wx1", "o1");
  first.session_key = Secret("first");
  SignIn second = Login("wx1", "o1");
  second.session_key = Secret("second");
  second.exchanged_at = first.exchanged_at + absl::Seconds(1);
  second.session_ttl = absl::Hours(5);
  MustRecord(first);
  EXPECT_EQ(KeysOf(first.session_token_hash),
            std::vector<std::string>({"first"}));
  MustRecord(second);
  EXPECT_EQ(KeysOf(first.session_token_hash),
            std::vector<std::string>({"second", "first"}));
  harness_->PassTime(absl::Minutes(9));
  EXPECT_EQ(KeysOf(second.session_token_hash),
            std::vector<std::string>({"second", "first"}));
  harness_->PassTime(absl::Minutes(1));
  EXPECT_EQ(KeysOf(second.session_token_hash),
            std::vector<std::string>({"second"}));
}

TEST_P(SessionStoreContract, ADroppedKeyIsTold) {
  const auto dropped = [&](const SignIn& in) {
    const auto found = Must<std::optional<SessionWithKeys>>([&](auto done) {
      harness_->sessions().FindSessionWithKeys(in.session_token_hash, Soon(),
                                               std::move(done));
    });
    return found.has_value() && found->older_key_dropped;
  };
  SignIn in = Login("wx1", "o1");
  MustRecord(in);
  EXPECT_FALSE(dropped(in));
  SignIn second = Login("wx1", "o1");
  second.session_key = Secret("second");
  second.exchanged_at = in.exchanged_at + absl::Seconds(1);
  MustRecord(second);
  EXPECT_FALSE(dropped(in));
  harness_->PassTime(absl::Minutes(10));
  EXPECT_TRUE(dropped(in));

  // Two replacements within the ten minutes: the first key is gone at once.
  SignIn keys[3] = {Login("wx1", "o2"), Login("wx1", "o2"), Login("wx1", "o2")};
  for (int i = 0; i < 3; ++i) {
    keys[i].session_key = Secret(absl::StrCat("key ", i));
    keys[i].exchanged_at = in.exchanged_at + absl::Seconds(i);
    MustRecord(keys[i]);
    EXPECT_EQ(dropped(keys[0]), i == 2);
  }
  EXPECT_EQ(KeysOf(keys[0].session_token_hash),
            std::vector<std::string>({"key 2", "key 1"}));

  const SignIn web = WebLogin("wx2", "o3");
  MustRecord(web);
  EXPECT_FALSE(dropped(web));
}

TEST_P(SessionStoreContract, TheSameKeyAgainReplacesNothing) {
  SignIn in = Login("wx1", "o1");
  MustRecord(in);
  for (int i = 0; i < 3; ++i) MustRecord(Login("wx1", "o1"));
  EXPECT_EQ(KeysOf(in.session_token_hash),
            std::vector<std::string>({"key of o1"}));
}

TEST_P(SessionStoreContract, TheNewestKeyWinsWhateverComesLast) {
  SignIn newer = Login("wx1", "o1");
  newer.session_key = Secret("newer");
  SignIn late = Login("wx1", "o1");
  late.session_key = Secret("older");
  late.exchanged_at = newer.exchanged_at - absl::Seconds(1);
  MustRecord(newer);
  MustRecord(late);
  EXPECT_EQ(KeysOf(late.session_token_hash),
            std::vector<std::string>({"newer"}));
}

TEST_P(SessionStoreContract, RacingKeysEndWithTheNewest) {
  constexpr int kRacers = 32;
  std::vector<SignIn> logins;
  for (int i = 0; i < kRacers; ++i) {
    logins.push_back(Login("wx1", "o1"));
    logins.back().session_key = Secret(absl::StrCat("key ", i));
    logins.back().exchanged_at += absl::Milliseconds(i);
  }
  OnThreads(kRacers, [&](int i) { MustRecord(logins[i]); });
  EXPECT_EQ(KeysOf(logins[0].session_token_hash).front(), "key 31");
}

TEST_P(SessionStoreContract, APassedDeadlineIsSaid) {
  const auto answer = Await<std::optional<Session>>([&](auto done) {
    harness_->sessions().FindSession(
        "x", Deadline::After(-absl::Seconds(1), harness_->clock()),
        std::move(done));
  });
  EXPECT_TRUE(HasReason(answer.status(), Reason::kDeadlinePassed));
}

}  // namespace
}  // namespace wxident

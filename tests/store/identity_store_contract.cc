#include <atomic>
#include <set>

#include "server/identity/error.h"
#include "tests/store/store_contract.h"

namespace wxident {
namespace {

TEST_P(IdentityStoreContract, TheFirstLoginMakesAUserAndTheNextFindsIt) {
  const SignIn in = Login("wx1", "o1");
  const SignedIn first = MustRecord(in);
  EXPECT_TRUE(first.new_user);
  EXPECT_EQ(first.session.user.user_id, in.new_user_id);
  EXPECT_EQ(first.session.identity.app_id, "wx1");
  EXPECT_EQ(first.session.identity.openid, "o1");
  EXPECT_EQ(first.session.identity.unionid, "");
  EXPECT_EQ(first.session.expires_at - first.session.created_at,
            absl::Hours(1));

  const SignedIn second = MustRecord(Login("wx1", "o1"));
  EXPECT_FALSE(second.new_user);
  EXPECT_EQ(second.session.user.user_id, in.new_user_id);
  EXPECT_EQ(second.session.user.created_at, first.session.user.created_at);
}

TEST_P(IdentityStoreContract, ARepeatedLoginGivesTheSameAnswer) {
  const SignIn in = Login("wx1", "o1", "u1");
  const SignedIn first = MustRecord(in);
  harness_->PassTime(absl::Minutes(1));
  const SignedIn again = MustRecord(in);
  EXPECT_TRUE(again.new_user);
  EXPECT_EQ(again.session.user.user_id, first.session.user.user_id);
  EXPECT_EQ(again.session.expires_at - again.session.created_at,
            absl::Hours(1));
  EXPECT_EQ(Revoke(in.session_token_hash), 1);
}

TEST_P(IdentityStoreContract, ADifferentAppIsADifferentPerson) {
  const SignedIn one = MustRecord(Login("wx1", "o1"));
  const SignedIn two = MustRecord(Login("wx2", "o1"));
  EXPECT_NE(one.session.user.user_id, two.session.user.user_id);
}

TEST_P(IdentityStoreContract, AUnionidTiesAppsTogether) {
  const SignedIn one = MustRecord(Login("wx1", "o1", "u1"));
  const SignedIn two = MustRecord(Login("wx2", "o2", "u1"));
  EXPECT_FALSE(two.new_user);
  EXPECT_EQ(one.session.user.user_id, two.session.user.user_id);
  const auto user = FindUser(ByUnionid{"account", "u1"});
  ASSERT_TRUE(user.has_value());
  ASSERT_EQ(user->identities.size(), 2u);
  EXPECT_EQ(user->identities[0].openid, "o1");
  EXPECT_EQ(user->identities[1].openid, "o2");
  EXPECT_EQ(user->identities[1].unionid, "u1");
}

TEST_P(IdentityStoreContract, AUnionidIsOfOneAccountOnly) {
  MustRecord(Login("wx1", "o1", "u1"));
  SignIn other = Login("wx9", "o2", "u1");
  other.open_platform_account = "other account";
  EXPECT_TRUE(MustRecord(other).new_user);
  EXPECT_NE(UserIdOf(ByUnionid{"account", "u1"}),
            UserIdOf(ByUnionid{"other account", "u1"}));
}

TEST_P(IdentityStoreContract, AnAbsentUnionidErasesNone) {
  MustRecord(Login("wx1", "o1", "u1"));
  const SignedIn later = MustRecord(Login("wx1", "o1"));
  EXPECT_EQ(later.session.identity.unionid, "u1");
  EXPECT_EQ(UserIdOf(ByUnionid{"account", "u1"}),
            UserIdOf(ByOpenid{"wx1", "o1"}));
}

TEST_P(IdentityStoreContract, AUnionidLearnedLaterLinksTheIdentity) {
  const SignedIn first = MustRecord(Login("wx1", "o1"));
  const SignedIn later = MustRecord(Login("wx1", "o1", "u1"));
  EXPECT_EQ(later.session.identity.unionid, "u1");
  EXPECT_EQ(UserIdOf(ByUnionid{"account", "u1"}), first.session.user.user_id);
}

TEST_P(IdentityStoreContract, TwoUsersOfOnePersonMergeIntoTheOlder) {
  const SignIn old_login = Login("wx1", "o1");
  const SignIn young_login = Login("wx2", "o2", "u1");
  const std::string old_id = MustRecord(old_login).session.user.user_id;
  harness_->PassTime(absl::Seconds(1));
  const std::string young_id = MustRecord(young_login).session.user.user_id;
  ASSERT_NE(old_id, young_id);

  const SignedIn merged = MustRecord(Login("wx1", "o1", "u1"));
  EXPECT_EQ(merged.session.user.user_id, old_id);
  EXPECT_FALSE(merged.new_user);
  for (const UserQuery& query :
       {UserQuery(ByUserId{old_id}), UserQuery(ByUserId{young_id}),
        UserQuery(ByOpenid{"wx1", "o1"}), UserQuery(ByOpenid{"wx2", "o2"}),
        UserQuery(ByUnionid{"account", "u1"})}) {
    EXPECT_EQ(UserIdOf(query), old_id);
  }
  // Sessions stay valid and name the survivor.
  for (const SignIn& login : {old_login, young_login}) {
    const auto session = FindSession(login.session_token_hash);
    ASSERT_TRUE(session.has_value());
    EXPECT_EQ(session->user.user_id, old_id);
  }
}

TEST_P(IdentityStoreContract, TheOlderSurvivesAlsoWhenTheYoungerShowsIt) {
  const std::string old_id =
      MustRecord(Login("wx1", "o1", "u1")).session.user.user_id;
  harness_->PassTime(absl::Seconds(1));
  MustRecord(Login("wx2", "o2"));
  EXPECT_EQ(MustRecord(Login("wx2", "o2", "u1")).session.user.user_id, old_id);
}

TEST_P(IdentityStoreContract, IdsOfRepeatedMergesAllFindTheSurvivor) {
  std::vector<std::string> ids;
  for (const char* app : {"wx1", "wx2", "wx3"}) {
    ids.push_back(MustRecord(Login(app, "o")).session.user.user_id);
    harness_->PassTime(absl::Seconds(1));
  }
  // The younger two become one, then that one is merged into the oldest.
  MustRecord(Login("wx3", "o", "u1"));
  MustRecord(Login("wx2", "o", "u1"));
  EXPECT_EQ(UserIdOf(ByUserId{ids[2]}), ids[1]);
  MustRecord(Login("wx1", "o", "u1"));
  for (const std::string& id : ids) EXPECT_EQ(UserIdOf(ByUserId{id}), ids[0]);
  EXPECT_EQ(FindUser(ByUserId{ids[2]})->identities.size(), 3u);
}

TEST_P(IdentityStoreContract, ANewUnionidOfAKnownIdentityNamesItsUser) {
  const SignedIn first = MustRecord(Login("wx1", "o1", "u1"));
  const SignedIn second = MustRecord(Login("wx1", "o1", "u2"));
  EXPECT_EQ(second.session.identity.unionid, "u2");
  EXPECT_EQ(UserIdOf(ByUnionid{"account", "u1"}), first.session.user.user_id);
  EXPECT_EQ(UserIdOf(ByUnionid{"account", "u2"}), first.session.user.user_id);
}

TEST_P(IdentityStoreContract, RacingLoginsOfOneIdentityMakeOneUser) {
  for (const std::string unionid : {"", "u1"}) {
    constexpr int kRacers = 64;
    std::vector<SignIn> logins;
    for (int i = 0; i < kRacers; ++i)
      logins.push_back(Login("wx1", "racer" + unionid, unionid));
    std::vector<SignedIn> answers(kRacers);
    OnThreads(kRacers, [&](int i) { answers[i] = MustRecord(logins[i]); });
    std::set<std::string> users;
    int made = 0;
    for (int i = 0; i < kRacers; ++i) {
      users.insert(answers[i].session.user.user_id);
      made += answers[i].new_user;
      EXPECT_TRUE(FindSession(logins[i].session_token_hash).has_value());
    }
    EXPECT_EQ(users.size(), 1u);
    EXPECT_EQ(made, 1);
  }
}

TEST_P(IdentityStoreContract, RacingFirstLoginsThroughThreeAppsMakeOneUser) {
  constexpr int kRacers = 32;
  for (int round = 0; round < 10; ++round) {
    const std::string unionid = absl::StrCat("u", round);
    std::vector<SignIn> logins;
    for (int i = 0; i < kRacers; ++i)
      logins.push_back(Login(absl::StrCat("wx", i % 3),
                             absl::StrCat("o", round, "_", i % 3), unionid));
    std::atomic<int> made = 0;
    OnThreads(kRacers, [&](int i) { made += MustRecord(logins[i]).new_user; });
    EXPECT_EQ(made, 1);
    const auto user = FindUser(ByUnionid{"account", unionid});
    ASSERT_TRUE(user.has_value());
    EXPECT_EQ(user->identities.size(), 3u);
  }
}

TEST_P(IdentityStoreContract, RacingDiscoveriesMergeManyUsersIntoTheOldest) {
  constexpr int kApps = 8;
  for (int round = 0; round < 5; ++round) {
    const std::string openid = absl::StrCat("o", round);
    const std::string unionid = absl::StrCat("u", round);
    std::vector<std::string> ids;
    for (int i = 0; i < kApps; ++i) {
      ids.push_back(MustRecord(Login(absl::StrCat("wx", i), openid))
                        .session.user.user_id);
      harness_->PassTime(absl::Seconds(1));
    }
    std::vector<SignIn> logins;
    for (int i = 0; i < 4 * kApps; ++i)
      logins.push_back(Login(absl::StrCat("wx", i % kApps), openid, unionid));
    OnThreads(4 * kApps, [&](int i) { MustRecord(logins[i]); });
    for (const std::string& id : ids) EXPECT_EQ(UserIdOf(ByUserId{id}), ids[0]);
    EXPECT_EQ(FindUser(ByUnionid{"account", unionid})->identities.size(),
              static_cast<size_t>(kApps));
  }
}

TEST_P(IdentityStoreContract, WhatALoginWasAnsweredIsFoundForFiveMinutes) {
  for (const SignIn& in : {Login("wx1", "o1", "u1"), WebLogin("wx2", "o2")}) {
    EXPECT_FALSE(FindAnswer(in));
    const SignedIn made = MustRecord(in);
    const auto answer = FindAnswer(in);
    ASSERT_TRUE(answer.has_value());
    EXPECT_TRUE(answer->token_salt == in.token_salt);
    EXPECT_TRUE(answer->signed_in.new_user);
    const Session& session = answer->signed_in.session;
    EXPECT_EQ(session.user.user_id, made.session.user.user_id);
    EXPECT_EQ(session.user.created_at, made.session.user.created_at);
    EXPECT_EQ(session.identity.app_id, in.identity.app_id);
    EXPECT_EQ(session.identity.openid, in.identity.openid);
    EXPECT_EQ(session.identity.unionid, in.identity.unionid);
    EXPECT_EQ(session.created_at, made.session.created_at);
    EXPECT_EQ(session.expires_at, made.session.expires_at);
    SignIn other_app = in;
    other_app.identity.app_id = "wx9";
    EXPECT_FALSE(FindAnswer(other_app));
  }
  SignIn returning = Login("wx1", "o1");
  MustRecord(returning);
  EXPECT_FALSE(FindAnswer(returning)->signed_in.new_user);
  harness_->PassTime(absl::Minutes(5));
  EXPECT_FALSE(FindAnswer(returning));
}

TEST_P(IdentityStoreContract, AnAnswerIsFoundWhileItsTokenWorks) {
  const SignIn revoked = Login("wx1", "o1");
  MustRecord(revoked);
  ASSERT_TRUE(FindAnswer(revoked));
  Revoke(revoked.session_token_hash);
  EXPECT_FALSE(FindAnswer(revoked));

  const SignIn ended = Login("wx1", "o2");
  RevokeUser(MustRecord(ended).session.user.user_id);
  EXPECT_FALSE(FindAnswer(ended));

  SignIn expired = Login("wx1", "o3");
  expired.session_ttl = absl::Minutes(1);
  MustRecord(expired);
  harness_->PassTime(absl::Seconds(59));
  EXPECT_TRUE(FindAnswer(expired));
  harness_->PassTime(absl::Seconds(1));
  EXPECT_FALSE(FindAnswer(expired));

  // A token that was refreshed works for the overlap, and has leaked when it is
  // used after that.
  const SignIn refreshed = Login("wx1", "o4");
  MustRecord(refreshed);
  ASSERT_TRUE(Refresh(RefreshOf(refreshed.session_token_hash)));
  const auto answer = FindAnswer(refreshed);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->token_salt == refreshed.token_salt);
  harness_->PassTime(absl::Seconds(30));
  EXPECT_FALSE(FindAnswer(refreshed));

  const SignIn erased = Login("wx1", "o5");
  MustRecord(erased);
  ASSERT_TRUE(Erase(ByOpenid{"wx1", "o5"}));
  EXPECT_FALSE(FindAnswer(erased));
}

TEST_P(IdentityStoreContract, TheFirstAnswerOfACodeStands) {
  const SignIn first = Login("wx1", "o1");
  SignIn second = Login("wx1", "o1");
  second.code_hash = first.code_hash;
  MustRecord(first);
  MustRecord(second);
  EXPECT_TRUE(FindAnswer(second)->token_salt == first.token_salt);
  harness_->PassTime(absl::Minutes(5));
  SignIn third = Login("wx1", "o1");
  third.code_hash = first.code_hash;
  MustRecord(third);
  EXPECT_TRUE(FindAnswer(third)->token_salt == third.token_salt);
}

TEST_P(IdentityStoreContract, NobodyIsNullopt) {
  EXPECT_FALSE(FindUser(ByUserId{"00000000-0000-7000-8000-000000000000"}));
  EXPECT_FALSE(FindUser(ByUserId{"no uuid"}));
  EXPECT_FALSE(FindUser(ByOpenid{"wx1", "nobody"}));
  EXPECT_FALSE(FindUser(ByUnionid{"account", "nobody"}));
}

TEST_P(IdentityStoreContract, HostileTextIsKeptAsItIs) {
  for (const std::string& text : HostileTexts()) {
    // An index entry of PostgreSQL holds 2.7 KB.
    const std::string id = text.substr(0, 500);
    const SignedIn made = MustRecord(Login(id, id, id));
    const auto user = FindUser(ByOpenid{id, id});
    ASSERT_TRUE(user.has_value());
    EXPECT_EQ(user->user.user_id, made.session.user.user_id);
    EXPECT_EQ(user->identities.front().app_id, id);
    EXPECT_EQ(user->identities.front().unionid, id);
    EXPECT_EQ(UserIdOf(ByUnionid{"account", id}), user->user.user_id);
  }
}

TEST_P(IdentityStoreContract, TextThatIsNoTextIsRefused) {
  for (const std::string& text :
       {std::string("a\0b", 3), std::string("\xff"), std::string("\xc0\x80"),
        std::string("\xed\xa0\x80"), std::string("\xf0\x9f\x98")}) {
    EXPECT_TRUE(HasReason(Record(Login("wx1", text)).status(),
                          Reason::kRequestInvalid));
    EXPECT_TRUE(HasReason(Record(Login("wx1", "o1", text)).status(),
                          Reason::kRequestInvalid));
  }
}

TEST_P(IdentityStoreContract, APassedDeadlineChangesNothing) {
  const auto answer = Await<SignedIn>([&](auto done) {
    harness_->identities().RecordSignIn(
        Login("wx1", "o1"),
        Deadline::After(-absl::Seconds(1), harness_->clock()), std::move(done));
  });
  EXPECT_TRUE(HasReason(answer.status(), Reason::kDeadlinePassed));
  EXPECT_FALSE(FindUser(ByOpenid{"wx1", "o1"}));
}

}  // namespace
}  // namespace wxident

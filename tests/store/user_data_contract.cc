#include <atomic>

#include "tests/store/store_contract.h"

namespace wxident {
namespace {

Profile NamedProfile(const std::string& nickname) {
  Profile profile;
  profile.nickname = nickname;
  profile.fetched_at = absl::FromUnixSeconds(1767323045);
  return profile;
}

TEST_P(UserDataContract, ErasingTakesAllOfAPersonAndNothingElse) {
  const SignIn mini = Login("wx1", "o1");
  const SignIn web = WebLogin("wx2", "o2", "u1");
  const SignIn stranger = Login("wx1", "o3", "u3");
  const std::string old_id = MustRecord(mini).session.user.user_id;
  harness_->PassTime(absl::Seconds(1));
  const std::string young_id = MustRecord(web).session.user.user_id;
  MustRecord(stranger);
  const SignIn merging = Login("wx1", "o1", "u1");
  MustRecord(merging);
  const NewToken refresh = RefreshOf(mini.session_token_hash);
  ASSERT_TRUE(Refresh(refresh));
  for (const Identity& identity : {Identity{"wx1", "o1"}, {"wx1", "o3"}}) {
    ASSERT_TRUE(SaveProfile(identity, NamedProfile("x")).ok());
    ASSERT_TRUE(SavePhone(identity, absl::UnixEpoch()).ok());
  }

  // By the merged id, which leads to the survivor.
  const auto erased = Erase(ByUserId{young_id});
  ASSERT_TRUE(erased.has_value());
  EXPECT_EQ(erased->user_id, old_id);
  EXPECT_EQ(erased->identities, 2);
  EXPECT_EQ(erased->sessions, 3);

  for (const UserQuery& query :
       {UserQuery(ByUserId{old_id}), UserQuery(ByUserId{young_id}),
        UserQuery(ByOpenid{"wx1", "o1"}), UserQuery(ByOpenid{"wx2", "o2"}),
        UserQuery(ByUnionid{"account", "u1"})}) {
    EXPECT_FALSE(FindUser(query));
    EXPECT_FALSE(Erase(query));
  }
  for (const SignIn& gone : {mini, web, merging}) {
    EXPECT_FALSE(FindSession(gone.session_token_hash));
    EXPECT_FALSE(FindAnswer(gone));
  }
  EXPECT_FALSE(FindSession(refresh.new_token_hash));
  EXPECT_FALSE(FindGrant(ByOpenid{"wx2", "o2"}));
  EXPECT_FALSE(FindProfile(ByOpenid{"wx1", "o1"}));
  EXPECT_FALSE(Export(old_id));

  EXPECT_TRUE(FindSession(stranger.session_token_hash)->user.phone_linked);
  EXPECT_TRUE(FindProfile(ByOpenid{"wx1", "o3"})->profile.has_value());

  // Who comes back is somebody new, with nothing of before.
  const SignedIn back = MustRecord(WebLogin("wx2", "o2"));
  EXPECT_TRUE(back.new_user);
  EXPECT_EQ(back.session.identity.unionid, "");
  EXPECT_FALSE(back.session.user.phone_linked);
}

TEST_P(UserDataContract, APersonIsErasedByOpenidAndByUnionidToo) {
  MustRecord(Login("wx1", "o1", "u1"));
  EXPECT_TRUE(Erase(ByOpenid{"wx1", "o1"}));
  MustRecord(Login("wx1", "o1", "u1"));
  EXPECT_TRUE(Erase(ByUnionid{"account", "u1"}));
  EXPECT_FALSE(FindUser(ByOpenid{"wx1", "o1"}));
  EXPECT_FALSE(Erase(ByUserId{"no uuid"}));
}

TEST_P(UserDataContract, ErasingRacesLoginsMergesAndRefreshes) {
  for (int round = 0; round < 30; ++round) {
    const std::string openid = absl::StrCat("o", round);
    const std::string unionid = absl::StrCat("u", round);
    for (const char* app : {"wx1", "wx2", "wx3"})
      MustRecord(Login(app, openid));
    const SignIn first = Login("wx1", openid);
    MustRecord(first);
    std::vector<SignIn> logins;
    for (int i = 0; i < 12; ++i)
      logins.push_back(Login(absl::StrCat("wx", i % 3 + 1), openid,
                             i % 2 == 0 ? unionid : ""));
    std::vector<NewToken> refreshes;
    for (int i = 0; i < 4; ++i)
      refreshes.push_back(RefreshOf(first.session_token_hash));
    OnThreads(20, [&](int i) {
      if (i < 12) {
        const SignedIn in = MustRecord(logins[i]);
        EXPECT_EQ(in.session.identity.openid, openid);
      } else if (i < 16) {
        Refresh(refreshes[i - 12]);
        SavePhone({"wx1", openid, ""}, absl::UnixEpoch()).IgnoreError();
      } else {
        Erase(ByOpenid{absl::StrCat("wx", i % 3 + 1), openid});
        Erase(ByUnionid{"account", unionid});
      }
    });
    EXPECT_TRUE(harness_->Orphans().empty());
    for (const char* app : {"wx1", "wx2", "wx3"}) Erase(ByOpenid{app, openid});
    for (const char* app : {"wx1", "wx2", "wx3"})
      EXPECT_FALSE(FindUser(ByOpenid{app, openid}));
    EXPECT_FALSE(FindUser(ByUnionid{"account", unionid}));
    for (const SignIn& login : logins)
      EXPECT_FALSE(FindSession(login.session_token_hash));
  }
}

TEST_P(UserDataContract, RacingErasuresTakeAPersonOnce) {
  const SignIn in = Login("wx1", "o1", "u1");
  MustRecord(in);
  std::atomic<int> sessions = 0;
  OnThreads(16, [&](int) {
    const auto erased = Erase(ByOpenid{"wx1", "o1"});
    if (erased.has_value()) sessions += erased->sessions;
  });
  EXPECT_EQ(sessions, 1);
}

TEST_P(UserDataContract, AnExportHasEverythingOfAPerson) {
  const SignIn mini = Login("wx1", "o1");
  const SignedIn made = MustRecord(mini);
  harness_->PassTime(absl::Seconds(1));
  const std::string young_id =
      MustRecord(WebLogin("wx2", "o2", "u1")).session.user.user_id;
  MustRecord(Login("wx3", "stranger"));
  const SignIn second = Login("wx1", "o1", "u1");
  MustRecord(second);
  const SignIn revoked = Login("wx1", "o1");
  MustRecord(revoked);
  Revoke(revoked.session_token_hash);
  const NewToken refresh = RefreshOf(mini.session_token_hash);
  const auto refreshed = Refresh(refresh);
  ASSERT_TRUE(refreshed.has_value());
  ASSERT_TRUE(SaveProfile({"wx2", "o2", ""}, NamedProfile("Band")).ok());
  ASSERT_TRUE(SavePhone({"wx1", "o1", ""}, absl::FromUnixSeconds(7)).ok());

  const auto user = Export(young_id);
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(user->user.user_id, made.session.user.user_id);
  EXPECT_TRUE(user->user.phone_linked);
  EXPECT_EQ(user->merged_user_ids, std::vector<std::string>({young_id}));
  ASSERT_EQ(user->identities.size(), 2u);

  const ExportedIdentity& first = user->identities[0];
  EXPECT_EQ(first.identity.openid, "o1");
  EXPECT_EQ(first.identity.unionid, "u1");
  EXPECT_FALSE(first.profile.has_value());
  ASSERT_TRUE(first.phone.has_value());
  EXPECT_EQ(first.phone->phone_number.Expose(), "13800138000");
  EXPECT_EQ(first.phone->pure_phone_number.Expose(), "13800138000");
  EXPECT_EQ(first.phone->country_code, "86");
  EXPECT_EQ(first.phone->watermark_time, absl::FromUnixSeconds(7));
  ASSERT_EQ(first.sessions.size(), 2u);
  EXPECT_EQ(first.sessions[0].expires_at, refreshed->expires_at);
  EXPECT_EQ(first.sessions[1].created_at,
            FindSession(second.session_token_hash)->created_at);

  const ExportedIdentity& other = user->identities[1];
  EXPECT_EQ(other.identity.openid, "o2");
  ASSERT_TRUE(other.profile.has_value());
  EXPECT_EQ(other.profile->nickname, "Band");
  EXPECT_FALSE(other.phone.has_value());
  EXPECT_EQ(other.sessions.size(), 1u);

  EXPECT_FALSE(Export("no uuid"));
  EXPECT_FALSE(Export("00000000-0000-7000-8000-000000000000"));
}

TEST_P(UserDataContract, ManyUsersAreFoundAtOnceInOrder) {
  const std::string one = MustRecord(Login("wx1", "o1")).session.user.user_id;
  harness_->PassTime(absl::Seconds(1));
  const std::string merged =
      MustRecord(Login("wx2", "o2", "u1")).session.user.user_id;
  MustRecord(Login("wx1", "o1", "u1"));
  const std::string two = MustRecord(Login("wx1", "o3")).session.user.user_id;

  std::vector<UserQuery> queries;
  std::vector<std::string> wanted;
  const auto ask = [&](UserQuery query, const std::string& user_id) {
    queries.push_back(std::move(query));
    wanted.push_back(user_id);
  };
  for (int i = 0; i < 70; ++i) {
    ask(ByOpenid{"wx1", "o3"}, two);
    ask(ByUserId{merged}, one);
    ask(ByOpenid{"wx1", "nobody"}, "nobody");
    ask(ByUnionid{"account", "u1"}, one);
    ask(ByUserId{"no uuid"}, "nobody");
    ask(ByUserId{two}, two);
    ask(ByUnionid{"account", "o3"}, "nobody");
  }
  const auto found = FindUsers(queries);
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].has_value() ? found[i]->user.user_id : "nobody",
              wanted[i])
        << i;
    if (wanted[i] == one) EXPECT_EQ(found[i]->identities.size(), 2u);
  }
  EXPECT_TRUE(FindUsers({}).empty());
}

}  // namespace
}  // namespace wxident

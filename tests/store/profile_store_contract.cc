#include "server/identity/error.h"
#include "tests/store/store_contract.h"

namespace wxident {
namespace {

TEST_P(ProfileStoreContract, AProfileIsFoundByOpenidAndBySession) {
  const SignIn in = Login("wx1", "o1", "u1");
  const SignedIn made = MustRecord(in);
  const auto owner = SaveProfile({"wx1", "o1", ""}, ProfileOf("Band"));
  ASSERT_TRUE(owner.ok()) << owner.status();
  EXPECT_EQ(owner->user_id, made.session.user.user_id);
  for (const ProfileQuery& query :
       {ProfileQuery(ByOpenid{"wx1", "o1"}),
        ProfileQuery(BySession{in.session_token_hash})}) {
    const auto found = FindProfile(query);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->user.user_id, made.session.user.user_id);
    EXPECT_EQ(found->identity.openid, "o1");
    EXPECT_EQ(found->identity.unionid, "u1");
    ASSERT_TRUE(found->profile.has_value());
    EXPECT_EQ(found->profile->nickname, "Band");
    EXPECT_EQ(found->profile->avatar_url, "https://thirdwx.example/0");
    EXPECT_EQ(found->profile->gender, Gender::kFemale);
    EXPECT_EQ(found->profile->language, "zh_CN");
    EXPECT_EQ(found->profile->country, "CN");
    EXPECT_EQ(found->profile->province, "Guangdong");
    EXPECT_EQ(found->profile->city, "Guangzhou");
    EXPECT_EQ(found->profile->source, ProfileSource::kEncryptedProfile);
    EXPECT_EQ(found->profile->fetched_at, fetched_at_);
  }
}

TEST_P(ProfileStoreContract, NoProfileIsNotNobody) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  EXPECT_FALSE(FindProfile(ByOpenid{"wx1", "nobody"}));
  EXPECT_FALSE(FindProfile(BySession{std::string(32, 'x')}));
  const auto found = FindProfile(ByOpenid{"wx1", "o1"});
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(found->profile.has_value());
  Revoke(in.session_token_hash);
  EXPECT_FALSE(FindProfile(BySession{in.session_token_hash}));
}

TEST_P(ProfileStoreContract, AnUnknownIdentityIsRefused) {
  EXPECT_TRUE(
      HasReason(SaveProfile({"wx1", "nobody", "u1"}, ProfileOf("x")).status(),
                Reason::kUserNotFound));
  EXPECT_TRUE(HasReason(SavePhone({"wx1", "nobody", ""}, fetched_at_),
                        Reason::kUserNotFound));
  EXPECT_FALSE(FindUser(ByUnionid{"account", "u1"}));
}

TEST_P(ProfileStoreContract, ANewerProfileStays) {
  MustRecord(Login("wx1", "o1"));
  Profile older = ProfileOf("older");
  older.fetched_at -= absl::Seconds(1);
  ASSERT_TRUE(SaveProfile({"wx1", "o1", ""}, ProfileOf("newer")).ok());
  ASSERT_TRUE(SaveProfile({"wx1", "o1", ""}, older).ok());
  EXPECT_EQ(FindProfile(ByOpenid{"wx1", "o1"})->profile->nickname, "newer");
}

TEST_P(ProfileStoreContract, AFollowersProfileHasItsOwnFields) {
  MustRecord(WebLogin("wx1", "o1"));
  Profile profile = ProfileOf("x");
  profile.source = ProfileSource::kFollower;
  profile.privileges = HostileTexts();
  profile.privileges.push_back("");
  profile.subscribe = true;
  profile.subscribed_at = absl::FromUnixSeconds(1700000000);
  profile.subscribe_scene = "ADD_SCENE_QR_CODE";
  profile.qr_scene = 98765;
  profile.qr_scene_str = "scene \"1\"";
  profile.remark = "{\\}";
  profile.group_id = 5;
  profile.tag_ids = {128, 2, -1};
  ASSERT_TRUE(SaveProfile({"wx1", "o1", ""}, profile).ok());
  const auto follower = FindProfile(ByOpenid{"wx1", "o1"})->profile;
  ASSERT_TRUE(follower.has_value());
  EXPECT_EQ(follower->privileges, profile.privileges);
  EXPECT_TRUE(follower->subscribe);
  EXPECT_EQ(follower->subscribed_at, profile.subscribed_at);
  EXPECT_EQ(follower->subscribe_scene, profile.subscribe_scene);
  EXPECT_EQ(follower->qr_scene, 98765);
  EXPECT_EQ(follower->qr_scene_str, profile.qr_scene_str);
  EXPECT_EQ(follower->remark, profile.remark);
  EXPECT_EQ(follower->group_id, 5);
  EXPECT_EQ(follower->tag_ids, profile.tag_ids);
  EXPECT_EQ(follower->source, ProfileSource::kFollower);

  // Not a follower any more: WeChat tells nothing, and nothing is lost.
  Profile gone;
  gone.source = ProfileSource::kFollower;
  gone.fetched_at = profile.fetched_at + absl::Hours(1);
  ASSERT_TRUE(SaveProfile({"wx1", "o1", "u1"}, gone).ok());
  EXPECT_EQ(FindProfile(ByOpenid{"wx1", "o1"})->profile->nickname, "x");
  EXPECT_EQ(FindProfile(ByOpenid{"wx1", "o1"})->identity.unionid, "u1");

  Profile later = ProfileOf("y");
  later.source = ProfileSource::kOauth;
  later.fetched_at = gone.fetched_at;
  ASSERT_TRUE(SaveProfile({"wx1", "o1", ""}, later).ok());
  const auto web = FindProfile(ByOpenid{"wx1", "o1"})->profile;
  EXPECT_EQ(web->nickname, "y");
  EXPECT_TRUE(web->privileges.empty());
  EXPECT_EQ(web->subscribed_at, absl::InfinitePast());
}

TEST_P(ProfileStoreContract, AProfilesUnionidLinksAndMerges) {
  const std::string old_id =
      MustRecord(Login("wx1", "o1")).session.user.user_id;
  harness_->PassTime(absl::Seconds(1));
  const std::string young_id =
      MustRecord(Login("wx2", "o2")).session.user.user_id;

  ASSERT_TRUE(SaveProfile({"wx2", "o2", "u1"}, ProfileOf("x")).ok());
  EXPECT_EQ(UserIdOf(ByUnionid{"account", "u1"}), young_id);
  const auto owner = SaveProfile({"wx1", "o1", "u1"}, ProfileOf("y"));
  ASSERT_TRUE(owner.ok()) << owner.status();
  EXPECT_EQ(owner->user_id, old_id);
  EXPECT_EQ(UserIdOf(ByUserId{young_id}), old_id);
  EXPECT_EQ(UserIdOf(ByUnionid{"account", "u1"}), old_id);
  EXPECT_EQ(FindProfile(ByOpenid{"wx1", "o1"})->profile->nickname, "y");
  EXPECT_EQ(FindProfile(ByOpenid{"wx1", "o1"})->identity.unionid, "u1");
}

TEST_P(ProfileStoreContract, RacingProfilesOfManyAppsEndWithOneUser) {
  constexpr int kApps = 6;
  for (int i = 0; i < kApps; ++i) {
    MustRecord(Login(absl::StrCat("wx", i), "o"));
    harness_->PassTime(absl::Seconds(1));
  }
  OnThreads(3 * kApps, [&](int i) {
    const auto owner =
        SaveProfile({absl::StrCat("wx", i % kApps), "o", "u1"}, ProfileOf("x"));
    EXPECT_TRUE(owner.ok()) << owner.status();
  });
  EXPECT_EQ(FindUser(ByUnionid{"account", "u1"})->identities.size(),
            static_cast<size_t>(kApps));
}

// Whoever is told of one identity is not told what another app knows.
TEST_P(ProfileStoreContract, APhoneMarksItsUserInItsAppAlone) {
  for (const char* app : {"wx1", "wx2"}) {
    const std::string openid = absl::StrCat("o of ", app);
    MustRecord(Login(app, openid, "u1"));
    MustRecord(WebLogin(app, openid, "u1"));
  }
  const auto nobody = FindUser(ByUnionid{"account", "u1"});
  EXPECT_FALSE(nobody->user.phone_linked);
  EXPECT_TRUE(nobody->apps_with_phone.empty());
  ASSERT_TRUE(SavePhone({"wx1", "o of wx1", ""}, fetched_at_).ok());
  for (const char* app : {"wx1", "wx2"}) {
    const bool linked = std::string(app) == "wx1";
    const std::string openid = absl::StrCat("o of ", app);
    const SignIn in = Login(app, openid);
    EXPECT_EQ(MustRecord(in).session.user.phone_linked, linked);
    EXPECT_EQ(FindAnswer(in)->signed_in.session.user.phone_linked, linked);
    EXPECT_EQ(FindSession(in.session_token_hash)->user.phone_linked, linked);
    EXPECT_EQ(Must<std::optional<SessionWithKeys>>([&](auto done) {
                harness_->sessions().FindSessionWithKeys(
                    in.session_token_hash, Soon(), std::move(done));
              })->session.user.phone_linked,
              linked);
    for (const ProfileQuery& query :
         {ProfileQuery(BySession{in.session_token_hash}),
          ProfileQuery(ByOpenid{app, openid})}) {
      EXPECT_EQ(FindProfile(query)->user.phone_linked, linked);
      EXPECT_EQ(FindGrant(query)->user.phone_linked, linked);
    }
    EXPECT_EQ(SaveProfile({app, openid, ""}, ProfileOf("x"))->phone_linked,
              linked);
    // Whoever gets all identities is told which.
    const auto user = FindUser(ByOpenid{app, openid});
    EXPECT_TRUE(user->user.phone_linked);
    EXPECT_EQ(user->apps_with_phone, std::set<std::string>({"wx1"}));
  }
}

// After a change of an app's owner a person may have two openids there.
TEST_P(ProfileStoreContract, APhoneCountsForAllOpenidsInItsApp) {
  MustRecord(Login("wx1", "o1", "u1"));
  const SignIn second = Login("wx1", "o2", "u1");
  MustRecord(second);
  ASSERT_TRUE(SavePhone({"wx1", "o1", ""}, fetched_at_).ok());
  EXPECT_TRUE(FindSession(second.session_token_hash)->user.phone_linked);
  EXPECT_TRUE(FindProfile(ByOpenid{"wx1", "o2"})->user.phone_linked);
  EXPECT_TRUE(MustRecord(Login("wx1", "o2")).session.user.phone_linked);
}

TEST_P(ProfileStoreContract, HostileTextIsKeptAsItIs) {
  MustRecord(Login("wx1", "o1"));
  for (const std::string& text : HostileTexts()) {
    Profile profile = ProfileOf(text);
    profile.avatar_url = profile.language = profile.country = profile.province =
        profile.city = text;
    const auto saved = SaveProfile({"wx1", "o1", ""}, profile);
    ASSERT_TRUE(saved.ok()) << saved.status();
    const auto found = FindProfile(ByOpenid{"wx1", "o1"});
    for (const std::string& kept :
         {found->profile->nickname, found->profile->avatar_url,
          found->profile->language, found->profile->country,
          found->profile->province, found->profile->city})
      EXPECT_EQ(kept, text);
  }
}

TEST_P(ProfileStoreContract, TextThatIsNoTextIsRefused) {
  MustRecord(Login("wx1", "o1"));
  EXPECT_TRUE(HasReason(
      SaveProfile({"wx1", "o1", ""}, ProfileOf(std::string("a\0b", 3)))
          .status(),
      Reason::kRequestInvalid));
}

}  // namespace
}  // namespace wxident

// Web login and what follows from it: Login by oauth_code, GetAuthorizeUrl,
// GetAccessToken of kind web, GetUserInfo from sources oauth and follower.

#include <string>

#include "server/identity/error.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

class WebCallsTest : public ServiceTest {
 protected:
  // "oauth" and "follower" as sources.
  std::string InfoOfSession(const std::string& token,
                            const std::string& source) {
    return "{" + Text("session_token", token) + ",\"" + source + "\":{}}";
  }
  std::string InfoOf(const std::string& app, const std::string& openid,
                     const std::string& source) {
    return "{\"identity_ref\":" + Ref(app, openid) + ",\"" + source + "\":{}}";
  }
  std::string WebToken(const std::string& openid,
                       const std::string& rejected = "",
                       const std::string& app = kOfficial) {
    return "{" + Text("app_id", app) + "," +
           Text("rejected_access_token", rejected) +
           ",\"web\":{\"identity_ref\":" + Ref(app, openid) + "}}";
  }

  void Tell(const std::string& openid, const std::string& unionid) {
    FetchedProfile told;
    told.openid = openid;
    told.unionid = unionid;
    told.profile.nickname = "Alice";
    told.profile.avatar_url = "https://thirdwx.qlogo.cn/0";
    told.profile.privileges = {"chinaunicom"};
    told.profile.source = ProfileSource::kOauth;
    told.profile.fetched_at = clock_.Now();
    wechat_.SetOauthProfile(told);
  }

  void Follow(const std::string& openid, const std::string& unionid) {
    FetchedProfile told;
    told.openid = openid;
    told.unionid = unionid;
    told.profile.language = "zh_CN";
    told.profile.subscribed_at = absl::FromUnixSeconds(1382694957);
    told.profile.subscribe_scene = "ADD_SCENE_QR_CODE";
    told.profile.qr_scene = 98765;
    told.profile.qr_scene_str = "desk";
    told.profile.remark = "a friend";
    told.profile.group_id = 3;
    told.profile.tag_ids = {128, 2};
    told.profile.source = ProfileSource::kFollower;
    told.profile.fetched_at = clock_.Now();
    wechat_.SetFollower(told);
  }
};

TEST_F(WebCallsTest, BadFieldsAreNamed) {
  const std::string official = Text("app_id", kOfficial);
  ExpectFieldError(&Identity::Login, "{" + official + ",\"oauth_code\":\"\"}",
                   "oauth_code");
  ExpectFieldError(&Identity::Login,
                   "{" + official + ",\"oauth_code\":\"a b\"}", "oauth_code");
  ExpectFieldError(&Identity::Login,
                   "{" + Text("app_id", kMini) + ",\"oauth_code\":\"a\"}",
                   "oauth_code");
  ExpectFieldError(&Identity::GetAuthorizeUrl, "{}", "app_id");
  ExpectFieldError(&Identity::GetAuthorizeUrl, "{" + official + "}",
                   "redirect_uri");
  ExpectFieldError(&Identity::GetAccessToken, "{" + official + ",\"web\":{}}",
                   "web.identity_ref.app_id");
  ExpectFieldError(&Identity::GetAccessToken,
                   "{" + official + ",\"web\":{\"identity_ref\":" +
                       Ref(kOfficial, "") + "}}",
                   "web.identity_ref.openid");
  ExpectFieldError(&Identity::GetAccessToken,
                   "{" + official + ",\"web\":{\"identity_ref\":" +
                       Ref(kWebsite, "o") + "}}",
                   "web.identity_ref.app_id");
  ExpectFieldError(&Identity::GetAccessToken, WebToken("o", "", kMini), "web");
  for (const char* source : {"oauth", "follower"}) {
    ExpectFieldError(&Identity::GetUserInfo,
                     std::string("{\"") + source + "\":{}}", "subject");
    ExpectFieldError(&Identity::GetUserInfo, InfoOf(kMini, "o", source),
                     "identity_ref.app_id");
    ExpectFieldError(&Identity::GetUserInfo, InfoOf(kOfficial, "", source),
                     "identity_ref.openid");
  }
  ExpectFieldError(&Identity::GetUserInfo, InfoOf(kWebsite, "o", "follower"),
                   "identity_ref.app_id");
  ExpectFieldError(&Identity::GetUserInfo, InfoOfSession(LogIn(), "follower"),
                   "session_token");
}

TEST_F(WebCallsTest, AnAuthorizeUrlNamesAnAppThatIsThere) {
  EXPECT_EQ(
      Refusal(&Identity::GetAuthorizeUrl, R"({"app_id":"wx9999999999999999"})"),
      "APP_UNKNOWN");
  const std::string url =
      Answer(&Identity::GetAuthorizeUrl,
             "{" + Text("app_id", kWebsite) + "," +
                 Text("redirect_uri", "https://www.example.com/back") + "," +
                 Text("scope", "snsapi_login") + "," + Text("state", "abc") +
                 "}")
          .url();
  EXPECT_EQ(url,
            "https://open.weixin.qq.com/connect/qrconnect"
            "?appid=wx00000000000000cc&redirect_uri=https%3A%2F%2F"
            "www.example.com%2Fback&response_type=code&scope=snsapi_login"
            "&state=abc#wechat_redirect");
}

TEST_F(WebCallsTest, AWebCodeLogsIn) {
  const v1::LoginResponse login = LogInOnTheWeb("o_alice");
  EXPECT_EQ(login.session_token().substr(0, 5), "wxs1_");
  EXPECT_EQ(login.identity().app_id(), kOfficial);
  EXPECT_EQ(login.identity().openid(), "o_alice");
  EXPECT_TRUE(login.new_user());
  EXPECT_TRUE(Answer(&Identity::ValidateSession,
                     "{" + Text("session_token", login.session_token()) + "}")
                  .active());
}

TEST_F(WebCallsTest, ASnapshotUserIsNotLoggedIn) {
  wechat_.AddSnapshotCode("code");
  EXPECT_EQ(Refusal(&Identity::Login, "{" + Text("app_id", kOfficial) + "," +
                                          Text("oauth_code", "code") + "}"),
            "SNAPSHOT_USER");
  EXPECT_TRUE(data_.users.empty());
}

TEST_F(WebCallsTest, AWebTokenIsThePersonsOwn) {
  LogInOnTheWeb("o_alice");
  const auto token = Answer(&Identity::GetAccessToken, WebToken("o_alice"));
  EXPECT_EQ(token.access_token(), "access_o_alice");
  EXPECT_EQ(token.kind(), v1::ACCESS_TOKEN_KIND_WEB);
  EXPECT_EQ(token.generation(), 0);
  EXPECT_EQ(token.expire_time().seconds(),
            absl::ToUnixSeconds(clock_.Now() + absl::Hours(2)));
  const auto fresh =
      Answer(&Identity::GetAccessToken, WebToken("o_alice", "access_o_alice"));
  EXPECT_EQ(fresh.access_token(), "oauth_token_1");
  EXPECT_EQ(
      Answer(&Identity::GetAccessToken, WebToken("o_alice", "access_o_alice"))
          .access_token(),
      "oauth_token_1");
  EXPECT_EQ(wechat_.calls("oauth2_refresh_token"), 1);
  EXPECT_EQ(wechat_.calls("token"), 0);
}

TEST_F(WebCallsTest, WithoutAGrantThereIsNoWebToken) {
  EXPECT_EQ(Refusal(&Identity::GetAccessToken, WebToken("o_nobody")),
            "USER_NOT_FOUND");
  LogInOnTheWeb("o_alice");
  wechat_.EndGrant(Secret("refresh_o_alice"));
  EXPECT_EQ(
      Refusal(&Identity::GetAccessToken, WebToken("o_alice", "access_o_alice")),
      "OAUTH_GRANT_EXPIRED");
  data_.grants.clear();
  EXPECT_EQ(Refusal(&Identity::GetAccessToken, WebToken("o_alice")),
            "OAUTH_GRANT_EXPIRED");
}

TEST_F(WebCallsTest, AnAppTokenCanBeAskedForByName) {
  const auto token = Answer(&Identity::GetAccessToken,
                            "{" + Text("app_id", kOfficial) + ",\"app\":{}}");
  EXPECT_EQ(token.access_token(), "token_1");
  EXPECT_EQ(token.kind(), v1::ACCESS_TOKEN_KIND_APP);
}

TEST_F(WebCallsTest, AWebProfileIsStoredAndLinksItsUnionid) {
  const v1::LoginResponse login = LogInOnTheWeb("o_alice");
  Tell("o_alice", "u_alice");
  const auto info = Answer(&Identity::GetUserInfo,
                           InfoOfSession(login.session_token(), "oauth"));
  EXPECT_EQ(info.user_info().nickname(), "Alice");
  ASSERT_EQ(info.user_info().privileges_size(), 1);
  EXPECT_EQ(info.user_info().privileges(0), "chinaunicom");
  EXPECT_EQ(info.source(), v1::USER_INFO_SOURCE_OAUTH);
  EXPECT_EQ(info.identity().unionid(), "u_alice");
  EXPECT_EQ(info.user().user_id(), login.user().user_id());
  EXPECT_EQ(
      Answer(&Identity::GetUser, "{\"union_ref\":{" + Text("app_id", kMini) +
                                     "," + Text("unionid", "u_alice") + "}}")
          .user()
          .user_id(),
      login.user().user_id());
  const auto stored =
      Answer(&Identity::GetUserInfo, InfoOf(kOfficial, "o_alice", "stored"));
  EXPECT_EQ(stored.SerializeAsString(), info.SerializeAsString());
}

TEST_F(WebCallsTest, AUnionidOfAProfileMergesTwoUsers) {
  const v1::LoginResponse older = LogInOnTheWeb("o_first");
  clock_.Advance(absl::Seconds(1));
  const v1::LoginResponse younger =
      LogInOnTheWeb("o_second", "snsapi_login", kWebsite);
  Tell("o_first", "u_one");
  Answer(&Identity::GetUserInfo, InfoOf(kOfficial, "o_first", "oauth"));
  Tell("o_second", "u_one");
  const auto info = Answer(&Identity::GetUserInfo,
                           InfoOfSession(younger.session_token(), "oauth"));
  EXPECT_EQ(info.user().user_id(), older.user().user_id());
}

TEST_F(WebCallsTest, AWebProfileThatCannotBeHadIsSaidApart) {
  const std::string base =
      LogInOnTheWeb("o_base", "snsapi_base").session_token();
  EXPECT_EQ(Refusal(&Identity::GetUserInfo, InfoOfSession(base, "oauth")),
            "OAUTH_SCOPE_INSUFFICIENT");
  const std::string alice = LogInOnTheWeb("o_alice").session_token();
  wechat_.EndGrant(Secret("refresh_o_alice"));
  EXPECT_EQ(Refusal(&Identity::GetUserInfo, InfoOfSession(alice, "oauth")),
            "OAUTH_GRANT_EXPIRED");
  EXPECT_EQ(Refusal(&Identity::GetUserInfo, InfoOfSession("x", "oauth")),
            "SESSION_NOT_ACTIVE");
  EXPECT_EQ(
      Refusal(&Identity::GetUserInfo, InfoOf(kOfficial, "o_nobody", "oauth")),
      "USER_NOT_FOUND");
  EXPECT_EQ(Refusal(&Identity::GetUserInfo, InfoOfSession(LogIn(), "oauth")),
            "OAUTH_GRANT_EXPIRED")
      << "a mini program's session has none";
  EXPECT_TRUE(data_.profiles.empty());
}

TEST_F(WebCallsTest, AWebProfileIsNotAnsweredBeforeItIsStored) {
  const std::string alice = LogInOnTheWeb("o_alice").session_token();
  profiles_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_EQ(Refusal(&Identity::GetUserInfo, InfoOfSession(alice, "oauth")),
            "STORE_UNAVAILABLE");
}

TEST_F(WebCallsTest, AFollowersProfileHasAllFieldsAndLinksItsUnionid) {
  const v1::LoginResponse login = LogInOnTheWeb("o_alice", "snsapi_base");
  Follow("o_alice", "u_alice");
  const auto info = Answer(&Identity::GetUserInfo,
                           InfoOfSession(login.session_token(), "follower"));
  const v1::UserInfo& user_info = info.user_info();
  EXPECT_TRUE(user_info.subscribe());
  EXPECT_EQ(user_info.subscribe_time().seconds(), 1382694957);
  EXPECT_EQ(user_info.subscribe_scene(), "ADD_SCENE_QR_CODE");
  EXPECT_EQ(user_info.qr_scene(), 98765);
  EXPECT_EQ(user_info.qr_scene_str(), "desk");
  EXPECT_EQ(user_info.remark(), "a friend");
  EXPECT_EQ(user_info.group_id(), 3);
  ASSERT_EQ(user_info.tag_ids_size(), 2);
  EXPECT_EQ(user_info.tag_ids(0), 128);
  EXPECT_EQ(info.source(), v1::USER_INFO_SOURCE_FOLLOWER);
  EXPECT_EQ(info.identity().unionid(), "u_alice");
  EXPECT_EQ(info.user().user_id(), login.user().user_id());
  const auto stored =
      Answer(&Identity::GetUserInfo, InfoOf(kOfficial, "o_alice", "stored"));
  EXPECT_EQ(stored.SerializeAsString(), info.SerializeAsString());
}

TEST_F(WebCallsTest, WhoFollowsNoMoreKeepsTheStoredProfileAndUnionid) {
  LogInOnTheWeb("o_alice");
  Follow("o_alice", "u_alice");
  const std::string ask = InfoOf(kOfficial, "o_alice", "follower");
  const auto followed = Answer(&Identity::GetUserInfo, ask);
  wechat_.Unfollow("o_alice");
  const auto gone = Answer(&Identity::GetUserInfo, ask);
  EXPECT_FALSE(gone.user_info().subscribe());
  EXPECT_FALSE(gone.user_info().has_subscribe_time());
  EXPECT_EQ(gone.identity().unionid(), "u_alice");
  EXPECT_EQ(gone.user().user_id(), followed.user().user_id());
  const auto stored =
      Answer(&Identity::GetUserInfo, InfoOf(kOfficial, "o_alice", "stored"));
  EXPECT_EQ(stored.SerializeAsString(), followed.SerializeAsString());
}

TEST_F(WebCallsTest, AFollowerWhoNeverLoggedInIsNoUser) {
  Follow("o_stranger", "u_stranger");
  EXPECT_EQ(Refusal(&Identity::GetUserInfo,
                    InfoOf(kOfficial, "o_stranger", "follower")),
            "USER_NOT_FOUND");
  EXPECT_EQ(wechat_.calls("user_info"), 0);
  EXPECT_TRUE(data_.users.empty());
  EXPECT_EQ(Refusal(&Identity::GetUserInfo, InfoOfSession("x", "follower")),
            "SESSION_NOT_ACTIVE");
}

TEST_F(WebCallsTest, ARefusedAppTokenIsReplacedOnceForFollowers) {
  LogInOnTheWeb("o_alice");
  Follow("o_alice", "");
  wechat_.RefuseToken("token_1");
  const std::string ask = InfoOf(kOfficial, "o_alice", "follower");
  EXPECT_TRUE(Answer(&Identity::GetUserInfo, ask).user_info().subscribe());
  EXPECT_EQ(wechat_.calls("user_info"), 2);
  wechat_.FailNextAt("user_info",
                     Error(Reason::kApiUnauthorized, "no").ToStatus());
  EXPECT_EQ(Refusal(&Identity::GetUserInfo, ask), "API_UNAUTHORIZED");
}

}  // namespace
}  // namespace wxident

#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/error.h"
#include "server/wechat/json.h"
#include "server/wechat/wechat_api.h"
#include "tests/wechat/wechat_client_fixture.h"

namespace wxident {
namespace {

constexpr char kOauthBody[] = R"({"access_token":"at","expires_in":7200,)"
                              R"("refresh_token":"rt","openid":"o1",)"
                              R"("scope":"snsapi_base"})";

TEST_F(WechatClientTest, ExchangesAWebPagesCode) {
  http_.Answer(kOauthBody);
  const absl::StatusOr<OauthSession> session = ExchangeOauth("a&b");
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->openid, "o1");
  EXPECT_EQ(session->scope, "snsapi_base");
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kGet);
  EXPECT_EQ(request.endpoint, "oauth2_access_token");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/sns/oauth2/access_token?appid=wx4f4bc4dec97d474b"
            "&secret=canary-secret&code=a%26b&grant_type=authorization_code");
  http_.Answer(R"({"errcode":40029})");
  EXPECT_TRUE(HasReason(ExchangeOauth().status(), Reason::kLoginCodeInvalid));
  http_.Answer(R"({"errcode":40163})");
  EXPECT_TRUE(HasReason(ExchangeOauth().status(), Reason::kLoginCodeConsumed));
  http_.Answer(R"({"errcode":40125})");
  EXPECT_TRUE(HasReason(ExchangeOauth().status(), Reason::kAppMisconfigured));
  http_.Answer(R"({"is_snapshotuser":1})");
  EXPECT_TRUE(HasReason(ExchangeOauth().status(), Reason::kSnapshotUser));
}

TEST_F(WechatClientTest, RefreshesAGrantWithoutTheAppSecret) {
  http_.Answer(kOauthBody);
  const absl::StatusOr<OauthSession> session = Refresh();
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->refresh_token.Expose(), "rt");
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kGet);
  EXPECT_EQ(request.endpoint, "oauth2_refresh_token");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/sns/oauth2/refresh_token?appid=wx4f4bc4dec97d474b"
            "&grant_type=refresh_token&refresh_token=canary%26rt");
  for (int errcode : {40030, 42002, 42007, 40029, 41003}) {
    http_.Answer(absl::StrCat("{\"errcode\":", errcode, "}"));
    EXPECT_TRUE(HasReason(Refresh().status(), Reason::kOauthGrantExpired))
        << errcode;
  }
  http_.Answer(R"({"errcode":-1})");
  EXPECT_TRUE(HasReason(Refresh().status(), Reason::kWechatBusy));
  http_.Answer(R"({"errcode":40013})");
  EXPECT_TRUE(HasReason(Refresh().status(), Reason::kAppMisconfigured));
}

TEST_F(WechatClientTest, GetsAProfileWithThePersonsToken) {
  http_.Answer(R"({"openid":"o1","nickname":"N","unionid":"u1"})");
  const absl::StatusOr<FetchedProfile> fetched = UserInfo();
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->profile.nickname, "N");
  EXPECT_EQ(fetched->profile.source, ProfileSource::kOauth);
  EXPECT_EQ(fetched->profile.fetched_at, clock_.Now());
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kGet);
  EXPECT_EQ(request.endpoint, "sns_userinfo");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/sns/userinfo?access_token=canary%26at&openid=o1"
            "&lang=zh_TW");
  http_.Answer(R"({"openid":"o2","nickname":"N"})");
  EXPECT_TRUE(HasReason(UserInfo().status(), Reason::kWechatBadResponse));
  http_.Answer(R"({"errcode":48001})");
  EXPECT_TRUE(HasReason(UserInfo().status(), Reason::kOauthScopeInsufficient));
  for (int errcode : {40001, 40014, 42001}) {
    http_.Answer(absl::StrCat("{\"errcode\":", errcode, "}"));
    const absl::Status status = UserInfo().status();
    EXPECT_TRUE(IsTokenRefused(status)) << errcode;
    EXPECT_TRUE(HasReason(status, Reason::kOauthGrantExpired)) << status;
  }
}

TEST_F(WechatClientTest, GetsAFollowerWithTheAppsToken) {
  http_.Answer(R"({"subscribe":1,"openid":"o1","unionid":" u1"})");
  const absl::StatusOr<FetchedProfile> fetched = Follower();
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->unionid, "u1");
  EXPECT_EQ(fetched->profile.fetched_at, clock_.Now());
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kGet);
  EXPECT_EQ(request.endpoint, "user_info");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/cgi-bin/user/info?access_token=canary%26at"
            "&openid=o1&lang=en");
  http_.Answer(R"({"subscribe":0,"openid":"o1","tagid_list":[]})");
  EXPECT_FALSE(Follower()->profile.subscribe);
  http_.Answer(R"({"errcode":40003})");
  EXPECT_TRUE(HasReason(Follower().status(), Reason::kRequestInvalid));
  for (int errcode : {40001, 40014, 42001}) {
    http_.Answer(absl::StrCat("{\"errcode\":", errcode, "}"));
    EXPECT_TRUE(IsTokenRefused(Follower().status())) << errcode;
  }
}

TEST_F(WechatClientTest, PostsForManyFollowers) {
  http_.Answer(R"({"user_info_list":[)"
               R"({"subscribe":0,"openid":"o2","tagid_list":[]},)"
               R"({"subscribe":1,"openid":"o1","unionid":" u1"}]})");
  const absl::StatusOr<WechatApi::Followers> fetched =
      Followers({"o1", "o2", "o1"});
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  ASSERT_EQ(fetched->size(), 3u);
  for (const auto& one : *fetched) ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ((*fetched)[0]->openid, "o1");
  EXPECT_EQ((*fetched)[0]->unionid, "u1");
  EXPECT_TRUE((*fetched)[0]->profile.subscribe);
  EXPECT_EQ((*fetched)[0]->profile.fetched_at, clock_.Now());
  EXPECT_EQ((*fetched)[1]->openid, "o2");
  EXPECT_FALSE((*fetched)[1]->profile.subscribe);
  EXPECT_EQ((*fetched)[2]->unionid, "u1");
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kPost);
  EXPECT_EQ(request.endpoint, "user_info_batchget");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/cgi-bin/user/info/batchget"
            "?access_token=canary%26at");
  EXPECT_EQ(*ParseJsonObject(request.body.Expose()),
            (Json{{"user_list",
                   {{{"openid", "o1"}, {"lang", "en"}},
                    {{"openid", "o2"}, {"lang", "en"}},
                    {{"openid", "o1"}, {"lang", "en"}}}}}));
}

TEST_F(WechatClientTest, ManyFollowersFailTogether) {
  http_.Answer(R"({"errcode":40003,"errmsg":"invalid openid"})");
  EXPECT_TRUE(HasReason(Followers({"o1"}).status(), Reason::kRequestInvalid));
  for (int errcode : {40001, 40014, 42001}) {
    http_.Answer(absl::StrCat("{\"errcode\":", errcode, "}"));
    EXPECT_TRUE(IsTokenRefused(Followers({"o1"}).status())) << errcode;
  }
}

}  // namespace
}  // namespace wxident

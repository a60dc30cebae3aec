// Logging in on web pages and in mobile apps, through real processes.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

constexpr char kExchange[] = "/sns/oauth2/access_token";
constexpr char kRefresh[] = "/sns/oauth2/refresh_token";
constexpr char kUserinfo[] = "/sns/userinfo";

class WebLoginTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    world_ = new World;
    server_ = new Wxidentd(*world_);
  }
  static void TearDownTestSuite() {
    EXPECT_EQ(server_->Stop(), 0) << server_->process().log();
    delete server_;
    delete world_;
  }

  v1::IdentityService::Stub& stub() { return server_->stub(); }
  Simulator& sim() { return world_->sim(); }
  World& world() { return *world_; }
  v1::LoginResponse LogIn(const std::string& user,
                          const std::string& app_id = kWebsite) {
    return wxident::LogIn(*world_, *server_, user, app_id);
  }

  grpc::Status Profile(const v1::LoginResponse& login,
                       v1::GetUserInfoResponse* response) {
    v1::GetUserInfoRequest request;
    request.set_session_token(login.session_token());
    request.mutable_oauth();
    response->Clear();
    return stub().GetUserInfo(Within().get(), request, response);
  }

  grpc::Status WebToken(const v1::Identity& identity,
                        v1::GetAccessTokenResponse* response,
                        const std::string& rejected = "") {
    v1::GetAccessTokenRequest request;
    request.set_app_id(identity.app_id());
    request.set_rejected_access_token(rejected);
    v1::IdentityRef& ref = *request.mutable_web()->mutable_identity_ref();
    ref.set_app_id(identity.app_id());
    ref.set_openid(identity.openid());
    response->Clear();
    return stub().GetAccessToken(Within().get(), request, response);
  }

  // What the database holds of an identity's grant looks as it will then.
  void LetPass(const v1::Identity& identity, const std::string& column) {
    world_->Query(absl::StrCat("UPDATE oauth_grants SET ", column,
                               " = now() - interval '1 s' WHERE openid = '",
                               identity.openid(), "'"));
  }

  void LoseGrant(const std::string& user, const nlohmann::json& how) {
    nlohmann::json ask = {{"app_id", kWebsite}, {"user", user}};
    ask.update(how);
    sim().Call("grants", ask);
  }

  static World* world_;
  static Wxidentd* server_;
};

World* WebLoginTest::world_ = nullptr;
Wxidentd* WebLoginTest::server_ = nullptr;

TEST_F(WebLoginTest, EachKindOfAppLogsInAndTellsTheProfile) {
  std::string user_id;
  for (const char* app : {kOfficialAccount, kWebsite, kMobile}) {
    sim().Call("users", {{"app_id", app},
                         {"user", "ann"},
                         {"profile",
                          {{"nickName", "Ann 安"},
                           {"avatarUrl", "https://thirdwx.qlogo.cn/ann"}}}});
    const v1::LoginResponse login = LogIn("ann", app);
    EXPECT_EQ(login.identity().app_id(), app);
    EXPECT_FALSE(login.identity().openid().empty());
    EXPECT_FALSE(login.identity().unionid().empty());
    EXPECT_EQ(login.new_user(), user_id.empty());
    if (user_id.empty()) user_id = login.user().user_id();
    EXPECT_EQ(login.user().user_id(), user_id);
    EXPECT_TRUE(IsActive(*server_, login.session_token()));

    v1::GetUserInfoResponse profile;
    const grpc::Status status = Profile(login, &profile);
    ASSERT_TRUE(status.ok()) << app << ": " << status.error_message();
    EXPECT_EQ(profile.user_info().nickname(), "Ann 安");
    EXPECT_EQ(profile.user_info().avatar_url(), "https://thirdwx.qlogo.cn/ann");
    EXPECT_EQ(profile.source(), v1::USER_INFO_SOURCE_OAUTH);
    EXPECT_EQ(profile.identity().openid(), login.identity().openid());

    // It was stored.
    v1::GetUserInfoRequest ask;
    ask.set_session_token(login.session_token());
    ask.mutable_stored();
    v1::GetUserInfoResponse stored;
    ASSERT_TRUE(stub().GetUserInfo(Within().get(), ask, &stored).ok());
    EXPECT_EQ(stored.user_info().SerializeAsString(),
              profile.user_info().SerializeAsString());
    EXPECT_EQ(stored.user().user_id(), user_id);
    EXPECT_EQ(stored.source(), profile.source());
    EXPECT_EQ(stored.fetch_time().seconds(), profile.fetch_time().seconds());
    EXPECT_EQ(stored.fetch_time().nanos(), profile.fetch_time().nanos());
  }
  EXPECT_EQ(world().Orphans(), 0);
}

TEST_F(WebLoginTest, ACodeOfTheOtherKindIsRefused) {
  v1::LoginResponse login;
  grpc::Status status = OauthLogin(stub(), sim().LoginCode(kMiniProgram, "bea"),
                                   &login, kMiniProgram);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  status = Login(stub(), sim().OauthCode(kWebsite, "bea"), &login, kWebsite);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  status = OauthLogin(stub(), "never-given", &login);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "LOGIN_CODE_INVALID");
}

TEST_F(WebLoginTest, ARetriedCodeGivesTheSameSession) {
  const int before = sim().Calls(kExchange);
  const std::string code = sim().OauthCode(kWebsite, "cleo");
  v1::LoginResponse first;
  v1::LoginResponse again;
  ASSERT_TRUE(OauthLogin(stub(), code, &first).ok());
  ASSERT_TRUE(OauthLogin(stub(), code, &again).ok());
  EXPECT_EQ(first.SerializeAsString(), again.SerializeAsString());
  EXPECT_EQ(sim().Calls(kExchange) - before, 1);
}

TEST_F(WebLoginTest, TheBaseScopeLogsInAndHasNoProfile) {
  v1::LoginResponse login;
  ASSERT_TRUE(
      OauthLogin(stub(),
                 sim().OauthCode(kOfficialAccount, "dot", "snsapi_base"),
                 &login, kOfficialAccount)
          .ok());
  EXPECT_TRUE(login.identity().unionid().empty());
  v1::GetUserInfoResponse profile;
  const grpc::Status status = Profile(login, &profile);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "OAUTH_SCOPE_INSUFFICIENT");

  // With the wider scope the same person is known, and now by unionid.
  const v1::LoginResponse wider = LogIn("dot", kOfficialAccount);
  EXPECT_EQ(wider.user().user_id(), login.user().user_id());
  EXPECT_FALSE(wider.identity().unionid().empty());
  EXPECT_TRUE(Profile(wider, &profile).ok());

  // A later silent login takes nothing away.
  ASSERT_TRUE(
      OauthLogin(stub(),
                 sim().OauthCode(kOfficialAccount, "dot", "snsapi_base"),
                 &login, kOfficialAccount)
          .ok());
  EXPECT_EQ(login.identity().unionid(), wider.identity().unionid());
  EXPECT_TRUE(Profile(login, &profile).ok());
}

TEST_F(WebLoginTest, ASnapshotUserIsRefusedAndLeavesNothing) {
  sim().Call(
      "users",
      {{"app_id", kOfficialAccount}, {"user", "ghost"}, {"snapshot", true}});
  const std::string count =
      "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM "
      "identities) + (SELECT count(*) FROM union_ids)";
  const int before = world().Count(count);
  v1::LoginResponse login;
  const grpc::Status status =
      OauthLogin(stub(), sim().OauthCode(kOfficialAccount, "ghost"), &login,
                 kOfficialAccount);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "SNAPSHOT_USER");
  EXPECT_EQ(world().Count(count), before);
}

TEST_F(WebLoginTest, ATokenIsGivenAndRefreshedWhenDue) {
  const v1::LoginResponse login = LogIn("eve");
  const int before = sim().Calls(kRefresh);
  v1::GetAccessTokenResponse first;
  ASSERT_TRUE(WebToken(login.identity(), &first).ok());
  EXPECT_EQ(first.kind(), v1::ACCESS_TOKEN_KIND_WEB);
  EXPECT_FALSE(first.access_token().empty());
  v1::GetAccessTokenResponse again;
  ASSERT_TRUE(WebToken(login.identity(), &again).ok());
  EXPECT_EQ(again.access_token(), first.access_token());
  EXPECT_EQ(sim().Calls(kRefresh), before);

  // Its time is over here and at WeChat.
  sim().Advance(absl::Seconds(7201));
  LetPass(login.identity(), "access_expires_at");
  ASSERT_TRUE(WebToken(login.identity(), &again).ok());
  EXPECT_NE(again.access_token(), first.access_token());
  EXPECT_GE(again.expire_time().seconds(), first.expire_time().seconds());
  EXPECT_EQ(sim().Calls(kRefresh) - before, 1);
  v1::GetUserInfoResponse profile;
  EXPECT_TRUE(Profile(login, &profile).ok());
  EXPECT_EQ(sim().Calls(kRefresh) - before, 1);
}

TEST_F(WebLoginTest, ATokenThatWeChatDroppedEarlyIsRefreshedOnce) {
  const v1::LoginResponse login = LogIn("fay");
  const int refreshes = sim().Calls(kRefresh);
  const int asks = sim().Calls(kUserinfo);
  LoseGrant("fay", {{"expire", "access_token"}});
  v1::GetUserInfoResponse profile;
  const grpc::Status status = Profile(login, &profile);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(sim().Calls(kRefresh) - refreshes, 1);
  EXPECT_EQ(sim().Calls(kUserinfo) - asks, 2);
}

TEST_F(WebLoginTest, ARejectedTokenIsReplacedOnlyWhileItIsCurrent) {
  const v1::LoginResponse login = LogIn("gil");
  v1::GetAccessTokenResponse first;
  ASSERT_TRUE(WebToken(login.identity(), &first).ok());
  LoseGrant("gil", {{"expire", "access_token"}});
  const int before = sim().Calls(kRefresh);
  v1::GetAccessTokenResponse next;
  ASSERT_TRUE(WebToken(login.identity(), &next, first.access_token()).ok());
  EXPECT_NE(next.access_token(), first.access_token());
  v1::GetAccessTokenResponse again;
  ASSERT_TRUE(WebToken(login.identity(), &again, first.access_token()).ok());
  EXPECT_EQ(again.access_token(), next.access_token());
  EXPECT_EQ(sim().Calls(kRefresh) - before, 1);
}

TEST_F(WebLoginTest, AGrantThatEndedSendsThePersonToWeChatAgain) {
  struct Loss {
    const char* user;
    nlohmann::json how;
  };
  for (const Loss& loss :
       {Loss{"hal", {{"expire", "access_token"}, {"revoke", true}}},
        Loss{"ivy", {{"expire", "refresh_token"}}}}) {
    const v1::LoginResponse login = LogIn(loss.user);
    LoseGrant(loss.user, {{"expire", "access_token"}});
    LoseGrant(loss.user, loss.how);
    v1::GetUserInfoResponse profile;
    grpc::Status status = Profile(login, &profile);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION)
        << loss.user;
    EXPECT_EQ(ReasonOf(status), "OAUTH_GRANT_EXPIRED") << loss.user;
    // The session is ours and lives on; a new login brings a new grant.
    EXPECT_TRUE(IsActive(*server_, login.session_token()));
    EXPECT_TRUE(Profile(LogIn(loss.user), &profile).ok());
    EXPECT_TRUE(Profile(login, &profile).ok());
  }
  // A refresh_token whose end we know is not even sent.
  const v1::LoginResponse login = LogIn("jon");
  LetPass(login.identity(), "access_expires_at");
  LetPass(login.identity(), "refresh_expires_at");
  const int before = sim().Calls(kRefresh);
  v1::GetAccessTokenResponse token;
  EXPECT_EQ(ReasonOf(WebToken(login.identity(), &token)),
            "OAUTH_GRANT_EXPIRED");
  EXPECT_EQ(sim().Calls(kRefresh), before);
}

TEST_F(WebLoginTest, WhoNeverLoggedInHereHasNoGrant) {
  const v1::LoginResponse login = LogIn("kim", kMiniProgram);
  v1::GetUserInfoResponse profile;
  EXPECT_EQ(ReasonOf(Profile(login, &profile)), "OAUTH_GRANT_EXPIRED");
  v1::Identity nobody;
  nobody.set_app_id(kWebsite);
  nobody.set_openid("oNobody");
  v1::GetAccessTokenResponse token;
  const grpc::Status status = WebToken(nobody, &token);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "USER_NOT_FOUND");
}

TEST_F(WebLoginTest, TokensAreSealedInTheDatabase) {
  const v1::LoginResponse login = LogIn("lea");
  v1::GetAccessTokenResponse token;
  ASSERT_TRUE(WebToken(login.identity(), &token).ok());
  EXPECT_EQ(world().Count(absl::StrCat(
                "SELECT count(*) FROM oauth_grants WHERE position('",
                token.access_token(), "'::bytea IN access_token) > 0")),
            0);
  EXPECT_EQ(world().Count(absl::StrCat(
                "SELECT count(*) FROM oauth_grants WHERE openid = '",
                login.identity().openid(), "'")),
            1);
}

TEST_F(WebLoginTest, TheAuthorizeUrlIsAsWeChatWantsIt) {
  struct Wanted {
    const char* app_id;
    const char* scope;
    const char* path;
  };
  for (const Wanted& wanted :
       {Wanted{kOfficialAccount, "snsapi_base", "oauth2/authorize"},
        Wanted{kOfficialAccount, "snsapi_userinfo", "oauth2/authorize"},
        Wanted{kWebsite, "snsapi_login", "qrconnect"}}) {
    v1::GetAuthorizeUrlRequest request;
    request.set_app_id(wanted.app_id);
    request.set_redirect_uri("https://login.example.com/back?a=1&b=2");
    request.set_scope(wanted.scope);
    request.set_state("s7");
    v1::GetAuthorizeUrlResponse response;
    const grpc::Status status =
        stub().GetAuthorizeUrl(Within().get(), request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(
        response.url(),
        absl::StrCat("https://open.weixin.qq.com/connect/", wanted.path,
                     "?appid=", wanted.app_id,
                     "&redirect_uri=https%3A%2F%2Flogin.example.com%2Fback%3F"
                     "a%3D1%26b%3D2&response_type=code&scope=",
                     wanted.scope, "&state=s7#wechat_redirect"));
  }
  v1::GetAuthorizeUrlRequest request;
  request.set_app_id(kWebsite);
  request.set_redirect_uri("https://evil.example.com/back");
  request.set_scope("snsapi_login");
  request.set_state("s7");
  v1::GetAuthorizeUrlResponse response;
  const grpc::Status status =
      stub().GetAuthorizeUrl(Within().get(), request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "REQUEST_INVALID");
}

}  // namespace
}  // namespace wxident

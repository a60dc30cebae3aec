// Each endpoint of WeChat fails in each way, at 100 %, while the others are
// healthy: no call that does not need it is refused.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

constexpr char kSession[] = "/sns/jscode2session";
constexpr char kWebCode[] = "/sns/oauth2/access_token";
constexpr char kWebRefresh[] = "/sns/oauth2/refresh_token";
constexpr char kWebProfile[] = "/sns/userinfo";
constexpr char kStableToken[] = "/cgi-bin/stable_token";
constexpr char kToken[] = "/cgi-bin/token";
constexpr char kTicket[] = "/cgi-bin/ticket/getticket";
constexpr char kFollower[] = "/cgi-bin/user/info";
constexpr char kFollowers[] = "/cgi-bin/user/info/batchget";
constexpr char kPhone[] = "/wxa/business/getuserphonenumber";
constexpr char kCheck[] = "/wxa/checksession";

const std::vector<std::string> kEndpoints = {
    kSession, kWebCode,  kWebRefresh, kWebProfile, kStableToken, kToken,
    kTicket,  kFollower, kFollowers,  kPhone,      kCheck};

struct Way {
  const char* name;
  nlohmann::json rule;
};

// Ways to answer.
std::vector<Way> Answers() {
  return {
      {"HTTP 404", {{"http_status", 404}}},
      {"HTTP 429", {{"http_status", 429}}},
      {"HTTP 500", {{"http_status", 500}}},
      {"HTTP 502", {{"http_status", 502}, {"body", "<html>502</html>"}}},
      {"HTTP 503", {{"http_status", 503}}},
      {"HTTP 504", {{"http_status", 504}}},
      {"no JSON", {{"body", "<html>a login page</html>"}}},
      {"nothing", {{"body", ""}}},
      {"half of JSON", {{"body", "{\"openid\":\"o"}}},
      {"cut off", {{"cut_after", 5}}},
      {"too large", {{"pad_to", 1'000'000}}},
      {"wrong types", {{"body", "{\"errcode\":[]}"}}},
      {"busy", {{"errcode", -1}}},
      {"token refused", {{"errcode", 40001}}},
      {"quota", {{"errcode", 45009}}},
      {"not authorised", {{"errcode", 48001}}},
      {"an errcode nobody knows", {{"errcode", 99999}}},
  };
}

// Of which each cell takes one of each kind, that has neither token nor ticket
// yet.
std::string FreshAccount(size_t cell) {
  return absl::StrFormat("wx00000000000f%04x", cell);
}
std::string FreshOrdinary(size_t cell) {
  return absl::StrFormat("wx00000000000e%04x", cell);
}
std::vector<WorldApp> FreshApps() {
  std::vector<WorldApp> apps;
  for (size_t cell = 0; cell < kEndpoints.size() * Answers().size(); ++cell) {
    apps.push_back({FreshAccount(cell), "official_account"});
    apps.push_back({FreshOrdinary(cell), "mini_program", "ordinary"});
  }
  return apps;
}

// Whether the keeper stands between an RPC and the endpoint: it waits after a
// failure, whatever the caller does.
bool IsKept(const std::string& endpoint) {
  return endpoint == kStableToken || endpoint == kToken || endpoint == kTicket;
}

class WechatFailuresTest : public testing::Test {
 protected:
  // A call of the server's, and all that it needs of WeChat. Whoever has a
  // token or ticket needs no other one.
  struct Rpc {
    const char* name;
    std::vector<std::string> needs;
    std::function<grpc::Status()> call;
  };

  WechatFailuresTest()
      : world_(PrivatePostgres::Durability::kNone, FreshApps()),
        server_(world_) {
    sim().Call(
        "followers",
        {{"app_id", kOfficialAccount}, {"user", "ann"}, {"subscribe", true}});
    mini_ = LogIn(world_, server_, "ann");
    follower_ = LogIn(world_, server_, "ann", kOfficialAccount);
    // What is held from now on.
    for (const char* app : {kMiniProgram, kOfficialAccount})
      EXPECT_TRUE(AppToken(app).ok());
    EXPECT_TRUE(Sign(kOfficialAccount).ok());
    EXPECT_TRUE(
        Profile(follower_, &v1::GetUserInfoRequest::mutable_follower).ok());
  }
  ~WechatFailuresTest() override { EXPECT_EQ(server_.Stop(), 0); }

  Simulator& sim() { return world_.sim(); }
  v1::IdentityService::Stub& stub() { return server_.stub(); }

  std::vector<Rpc> Rpcs() {
    return {
        {"Login with a mini program's code",
         {kSession},
         [&] {
           v1::LoginResponse login;
           return Login(stub(), sim().LoginCode(kMiniProgram, "bob"), &login);
         }},
        {"Login with an oauth_code",
         {kWebCode},
         [&] {
           v1::LoginResponse login;
           return OauthLogin(stub(), sim().OauthCode(kWebsite, "bob"), &login);
         }},
        {"CheckSessionKey",
         {kCheck},
         [&] {
           v1::CheckSessionKeyRequest request;
           request.set_session_token(mini_.session_token());
           v1::CheckSessionKeyResponse response;
           return stub().CheckSessionKey(Within(limit_).get(), request,
                                         &response);
         }},
        {"DecryptPhone with a phone_code", {kPhone}, [&] { return PhoneOf(); }},
        {"DecryptPhone of encrypted data", {}, [&] { return OpenPhone(); }},
        {"GetUserInfo, oauth",
         {kWebProfile},
         [&] { return Profile(web_, &v1::GetUserInfoRequest::mutable_oauth); }},
        {"GetUserInfo, follower",
         {kFollower},
         [&] {
           return Profile(follower_, &v1::GetUserInfoRequest::mutable_follower);
         }},
        {"GetUserInfo, stored",
         {},
         [&] {
           return Profile(follower_, &v1::GetUserInfoRequest::mutable_stored);
         }},
        {"BatchGetUsers with refresh_followers",
         {kFollowers},
         [&] { return Refresh(); }},
        {"GetAccessToken of a person",
         {kWebRefresh},
         [&] { return WebToken(); }},
        {"GetAccessToken that is held",
         {},
         [&] { return AppToken(kMiniProgram); }},
        {"GetAccessToken, the first",
         {kStableToken},
         [&] { return AppToken(FreshAccount(cell_)); }},
        {"GetAccessToken, the first, ordinary",
         {kToken},
         [&] { return AppToken(FreshOrdinary(cell_)); }},
        {"GetJsapiSignature, the first",
         {kStableToken, kTicket},
         [&] { return Sign(FreshAccount(cell_)); }},
        {"GetJsapiSignature with a ticket that is held",
         {},
         [&] { return Sign(kOfficialAccount); }},
        {"ValidateSession",
         {},
         [&] {
           return IsActive(server_, mini_.session_token())
                      ? grpc::Status::OK
                      : grpc::Status(grpc::StatusCode::UNKNOWN, "not active");
         }},
    };
  }

  // Makes what a cell may spoil.
  void BeginCell() {
    ++cell_;
    limit_ = absl::Seconds(10);
    web_ = LogIn(world_, server_, absl::StrCat("reader", cell_), kWebsite);
    granter_ = absl::StrCat("granter", cell_);
    granted_ = LogIn(world_, server_, granter_, kWebsite);
    web_token_.clear();
    EXPECT_TRUE(WebToken().ok());
  }

  static bool Needs(const Rpc& rpc, const std::string& endpoint) {
    return std::find(rpc.needs.begin(), rpc.needs.end(), endpoint) !=
           rpc.needs.end();
  }

  void ExpectTheRestGoesOn(const std::string& endpoint, const char* way) {
    for (const Rpc& rpc : Rpcs()) {
      if (Needs(rpc, endpoint)) continue;
      const grpc::Status status = rpc.call();
      EXPECT_TRUE(status.ok())
          << rpc.name << ", while " << endpoint << " has " << way << ": "
          << ReasonOf(status) << " " << status.error_message();
      ++gone_on_;
    }
  }

  // Its breaker's pause passes. The next cell has apps of its own for what the
  // keeper keeps, which may wait longer.
  void AwaitRecovery(const std::string& endpoint) {
    limit_ = absl::Seconds(10);
    for (const Rpc& rpc : Rpcs()) {
      if (!Needs(rpc, endpoint) || IsKept(endpoint)) continue;
      const absl::Time end = absl::Now() + absl::Seconds(30);
      grpc::Status status = rpc.call();
      while (!status.ok() && absl::Now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        status = rpc.call();
      }
      EXPECT_TRUE(status.ok()) << rpc.name << ": " << status.error_message();
    }
  }

  grpc::Status AppToken(const std::string& app_id) {
    v1::GetAccessTokenRequest request;
    request.set_app_id(app_id);
    v1::GetAccessTokenResponse token;
    return stub().GetAccessToken(Within(limit_).get(), request, &token);
  }

  // Whose last one has expired, so that a refresh is needed.
  grpc::Status WebToken() {
    if (!web_token_.empty())
      sim().Call("grants", {{"app_id", kWebsite},
                            {"user", granter_},
                            {"expire", "access_token"}});
    v1::GetAccessTokenRequest request;
    request.set_app_id(kWebsite);
    request.set_rejected_access_token(web_token_);
    v1::IdentityRef& ref = *request.mutable_web()->mutable_identity_ref();
    ref.set_app_id(kWebsite);
    ref.set_openid(granted_.identity().openid());
    v1::GetAccessTokenResponse token;
    grpc::Status status =
        stub().GetAccessToken(Within(limit_).get(), request, &token);
    if (status.ok()) web_token_ = token.access_token();
    return status;
  }

  grpc::Status Sign(const std::string& app_id) {
    v1::GetJsapiSignatureRequest request;
    request.set_app_id(app_id);
    request.set_url("https://login.example.com/");
    v1::GetJsapiSignatureResponse signature;
    return stub().GetJsapiSignature(Within(limit_).get(), request, &signature);
  }

  template <typename Source>
  grpc::Status Profile(const v1::LoginResponse& login, Source source) {
    v1::GetUserInfoRequest request;
    request.set_session_token(login.session_token());
    (request.*source)();
    v1::GetUserInfoResponse profile;
    return stub().GetUserInfo(Within(limit_).get(), request, &profile);
  }

  grpc::Status Refresh() {
    v1::BatchGetUsersRequest request;
    request.set_refresh_followers(true);
    v1::IdentityRef& ref = *request.add_identity_refs();
    ref.set_app_id(kOfficialAccount);
    ref.set_openid(follower_.identity().openid());
    v1::BatchGetUsersResponse found;
    grpc::Status status =
        stub().BatchGetUsers(Within(limit_).get(), request, &found);
    if (!status.ok() || !found.users(0).has_error()) return status;
    return {grpc::StatusCode::UNKNOWN, found.users(0).error().message()};
  }

  grpc::Status PhoneOf() {
    v1::DecryptPhoneRequest request;
    request.set_session_token(mini_.session_token());
    request.set_phone_code(
        sim()
            .Call("phone_code", {{"app_id", kMiniProgram}, {"user", "ann"}})
            .at("code")
            .get<std::string>());
    v1::DecryptPhoneResponse phone;
    return stub().DecryptPhone(Within(limit_).get(), request, &phone);
  }

  grpc::Status OpenPhone() {
    const nlohmann::json data = sim().Call(
        "encrypt",
        {{"app_id", kMiniProgram}, {"user", "ann"}, {"payload", "phone"}});
    v1::DecryptPhoneRequest request;
    request.set_session_token(mini_.session_token());
    request.mutable_encrypted()->set_encrypted_data(
        data.at("encrypted_data").get<std::string>());
    request.mutable_encrypted()->set_iv(data.at("iv").get<std::string>());
    v1::DecryptPhoneResponse phone;
    return stub().DecryptPhone(Within(limit_).get(), request, &phone);
  }

  World world_;
  Wxidentd server_;
  absl::Duration limit_ = absl::Seconds(10);
  v1::LoginResponse mini_;
  v1::LoginResponse follower_;
  // From 0 on.
  size_t cell_ = static_cast<size_t>(-1);
  v1::LoginResponse web_;
  std::string granter_;
  v1::LoginResponse granted_;
  std::string web_token_;
  int gone_on_ = 0;
};

TEST_F(WechatFailuresTest, WhateverOneAnswersTheRestGoesOn) {
  for (const std::string& endpoint : kEndpoints) {
    for (const Way& way : Answers()) {
      BeginCell();
      nlohmann::json rule = way.rule;
      rule["path"] = endpoint;
      sim().Fault(rule);
      for (const Rpc& rpc : Rpcs()) {
        if (!Needs(rpc, endpoint)) continue;
        // More than would open a breaker.
        for (int i = 0; i < 7; ++i)
          EXPECT_FALSE(rpc.call().ok())
              << rpc.name << ", though " << endpoint << " has " << way.name;
      }
      ExpectTheRestGoesOn(endpoint, way.name);
      sim().ClearFaults();
      // An answer is an answer: none keeps the next call back. Only a token
      // that was refused may be gone.
      if (IsKept(endpoint) || way.rule == nlohmann::json{{"errcode", 40001}})
        continue;
      for (const Rpc& rpc : Rpcs()) {
        if (!Needs(rpc, endpoint)) continue;
        const grpc::Status status = rpc.call();
        EXPECT_TRUE(status.ok())
            << rpc.name << ", after " << endpoint << " had " << way.name << ": "
            << ReasonOf(status) << " " << status.error_message();
      }
    }
  }
  EXPECT_GT(gone_on_, 2000);
}

TEST_F(WechatFailuresTest, OneThatRefusesEveryTokenDoesNotUseThemUp) {
  const v1::LoginResponse login = LogIn(world_, server_, "ann", kOrdinaryApp);
  sim().Fault({{"path", kCheck}, {"errcode", 40001}});
  for (int i = 0; i < 50; ++i) {
    v1::CheckSessionKeyRequest request;
    request.set_session_token(login.session_token());
    v1::CheckSessionKeyResponse response;
    EXPECT_FALSE(
        stub().CheckSessionKey(Within().get(), request, &response).ok());
  }
  // WeChat gives 2000 a day.
  EXPECT_LE(sim().TokenCalls(kOrdinaryApp).size(), 3u);
  EXPECT_TRUE(AppToken(kOrdinaryApp).ok());
}

TEST_F(WechatFailuresTest, WhileOneBreaksTheRestGoesOn) {
  for (const std::string& endpoint : kEndpoints) {
    BeginCell();
    sim().Fault({{"path", endpoint}, {"reset", true}});
    for (const Rpc& rpc : Rpcs()) {
      if (!Needs(rpc, endpoint)) continue;
      for (int i = 0; i < 7; ++i) EXPECT_FALSE(rpc.call().ok()) << rpc.name;
    }
    ExpectTheRestGoesOn(endpoint, "resets");
    sim().ClearFaults();
    AwaitRecovery(endpoint);
  }
}

TEST_F(WechatFailuresTest, WhileOneHangsTheRestGoesOn) {
  for (const std::string& endpoint : kEndpoints) {
    BeginCell();
    const int before = sim().Calls(endpoint);
    sim().Fault({{"path", endpoint}, {"latency_ms", 60'000}});
    // Enough for its silence to count, see WechatClient.
    limit_ = absl::Milliseconds(2500);
    // More calls than there are connections.
    std::vector<std::thread> callers;
    for (const Rpc& rpc : Rpcs())
      for (int i = 0; i < 80 && Needs(rpc, endpoint); ++i)
        callers.emplace_back([rpc] { EXPECT_FALSE(rpc.call().ok()); });
    while (sim().Calls(endpoint) == before) std::this_thread::yield();
    ExpectTheRestGoesOn(endpoint, "no answer yet");
    for (std::thread& caller : callers) caller.join();
    ExpectTheRestGoesOn(endpoint, "no answer");
    sim().ClearFaults();
    AwaitRecovery(endpoint);
  }
}

}  // namespace
}  // namespace wxident

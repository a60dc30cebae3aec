// What callers limited to some apps get to see, and limits of rate and number,
// over a real gRPC server.

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "server/policy/access_control.h"
#include "server/rpc/unary_call.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

constexpr char kShop[] = "spiffe://corp/shop";

class PolicyCallsTest : public ServiceTest {
 protected:
  // kShop may call everything, for these apps.
  static Policy ShopMay(std::set<std::string> apps) {
    Policy policy = EverythingAllowed();
    policy.allow.push_back({kShop, AllMethods(), std::move(apps)});
    return policy;
  }
  // As kShop from here on.
  void BeShop(std::set<std::string> apps) {
    access_.Replace(ShopMay(std::move(apps)));
    caller_ = kShop;
  }

  // One person in a mini program and an official account; the user_id.
  std::string LogInTwice() {
    wechat_.AddCode("mini", {"o_mini", "u_1", Secret(kSessionKey)});
    Answer(&Identity::Login, "{" + Text("app_id", kMini) + "," +
                                 Text("mini_program_code", "mini") + "}");
    wechat_.AddOauthCode("web", {.openid = "o_web",
                                 .unionid = "u_1",
                                 .access_token = Secret("access"),
                                 .expires_in = absl::Hours(2),
                                 .refresh_token = Secret("refresh"),
                                 .scope = "snsapi_userinfo"});
    return Answer(&Identity::Login, "{" + Text("app_id", kOfficial) + "," +
                                        Text("oauth_code", "web") + "}")
        .user()
        .user_id();
  }

  static std::string Token(const std::string& token) {
    return "{" + Text("session_token", token) + "}";
  }
  bool IsActive(const std::string& token) {
    const std::string as = std::exchange(caller_, "loopback");
    const bool active =
        Answer(&Identity::ValidateSession,
               "{" + Text("session_token", token) + ",\"strong\":true}")
            .active();
    caller_ = as;
    return active;
  }
};

TEST_F(PolicyCallsTest, WhetherAnAppIsThereIsToldToWhoMaySeeAll) {
  const std::string unknown = R"({"app_id":"wx9999999999999999"})";
  EXPECT_EQ(Refusal(&Identity::GetAccessToken, unknown), "APP_UNKNOWN");
  EXPECT_EQ(Refusal(&Admin::GetAppStatus, unknown), "APP_UNKNOWN");
  BeShop({kMini});
  EXPECT_EQ(Refusal(&Identity::GetAccessToken, unknown), "CALLER_NOT_ALLOWED");
  EXPECT_EQ(Refusal(&Admin::GetAppStatus, unknown), "CALLER_NOT_ALLOWED");
  // What is wrong with a field may be told first.
  EXPECT_EQ(Refusal(&Identity::GetAccessToken, "{}"), "REQUEST_INVALID");
  EXPECT_EQ(wechat_.calls("token"), 0);
}

TEST_F(PolicyCallsTest, IdentitiesOfOtherAppsAreLeftOut) {
  const std::string user_id = LogInTwice();
  const std::string by_id = "{" + Text("user_id", user_id) + "}";
  const std::string by_union = "{\"union_ref\":{" + Text("app_id", kMini) +
                               "," + Text("unionid", "u_1") + "}}";
  const std::string batch = "{\"user_ids\":[\"" + user_id + "\"]}";
  EXPECT_EQ(Answer(&Identity::GetUser, by_id).identities_size(), 2);
  EXPECT_EQ(Answer(&Identity::BatchGetUsers, batch).users(0).identities_size(),
            2);

  // A phone that the account has learned is none of the shop's business.
  const auto phone_of = [&](const char* app, const char* openid) {
    profiles_.SavePhone({app, openid, ""}, "main",
                        {Secret("1"), Secret("1"), "86", clock_.Now()},
                        Deadline::After(absl::Seconds(3), clock_),
                        [](absl::Status saved) { ASSERT_TRUE(saved.ok()); });
  };
  phone_of(kOfficial, "o_web");
  EXPECT_TRUE(Answer(&Identity::GetUser, by_id).user().phone_linked());
  EXPECT_TRUE(
      Answer(&Identity::BatchGetUsers, batch).users(0).user().phone_linked());

  BeShop({kMini});
  for (const std::string& request : {by_id, by_union}) {
    const v1::GetUserResponse user = Answer(&Identity::GetUser, request);
    EXPECT_FALSE(user.user().phone_linked());
    EXPECT_EQ(user.user().user_id(), user_id);
    ASSERT_EQ(user.identities_size(), 1);
    EXPECT_EQ(user.identities(0).app_id(), kMini);
  }
  const v1::BatchGetUsersResponse users =
      Answer(&Identity::BatchGetUsers, batch);
  ASSERT_EQ(users.users(0).identities_size(), 1);
  EXPECT_EQ(users.users(0).identities(0).openid(), "o_mini");
  EXPECT_FALSE(users.users(0).user().phone_linked());
  phone_of(kMini, "o_mini");
  EXPECT_TRUE(Answer(&Identity::GetUser, by_id).user().phone_linked());

  // Of this one there is nothing that the shop may see.
  BeShop({kWebsite});
  EXPECT_EQ(Refusal(&Identity::GetUser, by_id), "USER_NOT_FOUND");
  EXPECT_EQ(Refusal(&Identity::GetUser, "{\"union_ref\":{" +
                                            Text("app_id", kWebsite) + "," +
                                            Text("unionid", "u_1") + "}}"),
            "USER_NOT_FOUND");
  EXPECT_FALSE(Answer(&Identity::BatchGetUsers, batch).users(0).found());
}

TEST_F(PolicyCallsTest, AForeignRefOfABatchIsRefusedAlone) {
  LogIn("o_alice");
  LogInOnTheWeb("o_bob");
  BeShop({kMini});
  const v1::BatchGetUsersResponse users = Answer(
      &Identity::BatchGetUsers,
      "{\"identity_refs\":[" + Ref(kOfficial, "o_bob") + "," +
          Ref(kMini, "o_alice") + "," + Ref("wx9999999999999999", "o") + "]}");
  ASSERT_EQ(users.users_size(), 3);
  EXPECT_TRUE(users.users(1).found());
  EXPECT_FALSE(users.users(1).has_error());
  // An app that is not there looks the same as one that the shop may not use.
  for (int foreign : {0, 2}) {
    EXPECT_FALSE(users.users(foreign).found());
    EXPECT_FALSE(users.users(foreign).has_user());
    EXPECT_EQ(users.users(foreign).error().reason(), "CALLER_NOT_ALLOWED");
  }
  EXPECT_EQ(users.users(0).error().message(), users.users(2).error().message());
  // With nothing left that it may ask, the call is refused.
  EXPECT_EQ(Refusal(&Identity::BatchGetUsers,
                    "{\"identity_refs\":[" + Ref(kOfficial, "o_bob") + "," +
                        Ref(kOfficial, "o_eve") + "]}"),
            "CALLER_NOT_ALLOWED");
}

TEST_F(PolicyCallsTest, ATokenThatWorksNoMoreStillHasAnApp) {
  const std::string old = LogIn("o_alice");
  const std::string token =
      Answer(&Identity::RefreshSession, Token(old)).session_token();
  clock_.Advance(absl::Minutes(1));
  ASSERT_FALSE(IsActive(old));

  BeShop({kOfficial});
  EXPECT_EQ(Refusal(&Identity::RefreshSession, Token(old)),
            "CALLER_NOT_ALLOWED");
  EXPECT_EQ(Refusal(&Identity::RevokeSession, Token(old)),
            "CALLER_NOT_ALLOWED");
  EXPECT_TRUE(IsActive(token));
  // Whoever may, has the reuse end the login as everybody has.
  BeShop({kMini});
  EXPECT_EQ(Refusal(&Identity::RefreshSession, Token(old)),
            "SESSION_NOT_ACTIVE");
  EXPECT_FALSE(IsActive(token));
}

TEST_F(PolicyCallsTest, ALimitedCallerEndsAndRefreshesItsOwnSessions) {
  const std::string one = LogIn("o_alice");
  const std::string two = LogIn("o_bob");
  BeShop({kMini});
  EXPECT_TRUE(
      IsActive(Answer(&Identity::RefreshSession, Token(one)).session_token()));
  EXPECT_EQ(Answer(&Identity::RevokeSession, Token(two)).revoked_count(), 1);
  EXPECT_FALSE(IsActive(two));
  // Of nobody: nothing to refuse.
  const std::string none = "wxs1_" + std::string(43, 'A');
  EXPECT_EQ(Answer(&Identity::RevokeSession, Token(none)).revoked_count(), 0);
  EXPECT_EQ(Refusal(&Identity::RefreshSession, Token(none)),
            "SESSION_NOT_ACTIVE");
  EXPECT_FALSE(Answer(&Identity::ValidateSession, Token(none)).active());
}

TEST_F(PolicyCallsTest, AStoreThatFailsLetsNobodyThrough) {
  const std::string token = LogIn("o_alice");
  BeShop({kMini});
  sessions_.FailWith(absl::UnavailableError("away"));
  EXPECT_NE(Refusal(&Identity::RefreshSession, Token(token)), "");
  EXPECT_NE(Refusal(&Identity::RevokeSession, Token(token)), "");
  sessions_.FailWith(absl::OkStatus());
  EXPECT_TRUE(IsActive(token));
}

// Rates and numbers.

Policy ShopIsLimitedTo(const Policy::Limit& limit) {
  Policy policy = EverythingAllowed();
  policy.allow.push_back({kShop, AllMethods(), {}});
  policy.limits.push_back(limit);
  return policy;
}

TEST_F(PolicyCallsTest, WhoCallsTooOftenIsToldWhenToComeBack) {
  access_.Replace(ShopIsLimitedTo({kShop, 0.5, 2, 0}));
  caller_ = kShop;
  const std::string request = "{" + Text("app_id", kMini) + "}";
  for (int i = 0; i < 2; ++i) Answer(&Identity::GetAccessToken, request);
  v1::GetAccessTokenResponse response;
  const grpc::Status status =
      CallJson(&Identity::GetAccessToken, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "CALLER_RATE_LIMITED");
  EXPECT_EQ(DetailOf<google::rpc::RetryInfo>(status).retry_delay().seconds(),
            2);
  // Others have rates of their own.
  caller_ = "loopback";
  Answer(&Identity::GetAccessToken, request);
  caller_ = kShop;
  clock_.Advance(absl::Seconds(2));
  Answer(&Identity::GetAccessToken, request);
  EXPECT_TRUE(absl::StrContains(
      metrics_.Text(),
      "wxident_caller_limited_total{caller=\"spiffe://corp/shop\",limit="
      "\"rate\"} 1\n"));
}

// A stream of kShop's.
class Stream {
 public:
  explicit Stream(v1::IdentityService::Stub& stub) {
    v1::WatchAccessTokenRequest request;
    request.set_app_id(kMini);
    context_.AddMetadata("test-caller", kShop);
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::seconds(20));
    reader_ = stub.WatchAccessToken(&context_, request);
  }
  // The next token's generation, or 0 at the end.
  int64_t Read() {
    v1::WatchAccessTokenResponse token;
    return reader_->Read(&token) ? token.generation() : 0;
  }
  grpc::Status Finish() { return reader_->Finish(); }
  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchAccessTokenResponse>> reader_;
};

TEST_F(PolicyCallsTest, AStreamCountsAsLongAsItRuns) {
  access_.Replace(
      ShopIsLimitedTo({.caller = kShop, .concurrency = 1, .streams = 1}));
  caller_ = kShop;
  Stream stream(*stub_);
  ASSERT_EQ(stream.Read(), 1);
  Stream another(*stub_);
  EXPECT_EQ(another.Read(), 0);
  stream.Cancel();
  // Its place is free when the server is done with it, a moment later.
  bool admitted = false;
  for (int i = 0; i < 1000 && !admitted; ++i)
    admitted = Stream(*stub_).Read() == 1;
  EXPECT_TRUE(admitted);
}

TEST_F(PolicyCallsTest, StreamsHaveALimitAndOtherCallsGoOn) {
  access_.Replace(ShopIsLimitedTo({.caller = kShop, .streams = 2}));
  caller_ = kShop;
  Stream one(*stub_);
  Stream two(*stub_);
  ASSERT_EQ(one.Read(), 1);
  ASSERT_EQ(two.Read(), 1);
  Stream three(*stub_);
  EXPECT_EQ(three.Read(), 0);
  EXPECT_EQ(ReasonOf(three.Finish()), "CALLER_RATE_LIMITED");
  Answer(&Identity::GetAccessToken, "{" + Text("app_id", kMini) + "}");
}

TEST_F(PolicyCallsTest, AStreamEndsWithTheRightToIt) {
  access_.Replace(ShopMay({kMini}));
  Stream stream(*stub_);
  ASSERT_EQ(stream.Read(), 1);
  // Goes on under a policy that still allows it.
  access_.Replace(ShopMay({kMini, kOfficial}));
  clock_.Advance(kForcedFetchesApart);
  Answer(&Admin::RefreshAccessToken, "{" + Text("app_id", kMini) + "}");
  ASSERT_EQ(stream.Read(), 2);
  access_.Replace(ShopMay({kOfficial}));
  EXPECT_EQ(stream.Read(), 0);
  EXPECT_EQ(ReasonOf(stream.Finish()), "CALLER_NOT_ALLOWED");
  Stream again(*stub_);
  EXPECT_EQ(again.Read(), 0);
  EXPECT_EQ(ReasonOf(again.Finish()), "CALLER_NOT_ALLOWED");
}

TEST_F(PolicyCallsTest, StreamsComeAndGoWhilePoliciesChange) {
  access_.Replace(ShopMay({kMini}));
  std::vector<std::unique_ptr<Stream>> streams;
  // Connected, and counted, before the policies change.
  streams.push_back(std::make_unique<Stream>(*stub_));
  ASSERT_EQ(streams.front()->Read(), 1);
  for (int i = 0; i < 60; ++i) {
    streams.push_back(std::make_unique<Stream>(*stub_));
    if (i % 3 == 0) streams[i / 2]->Cancel();
    access_.Replace(i % 5 == 4 ? ShopMay({kOfficial}) : ShopMay({kMini}));
  }
  access_.Replace(ShopMay({kOfficial}));
  for (auto& stream : streams) {
    while (stream->Read() != 0) {
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(ReasonOf(status) == "CALLER_NOT_ALLOWED" ||
                status.error_code() == grpc::StatusCode::CANCELLED)
        << status.error_code() << " " << status.error_message();
  }
  // None of them has left anything that keeps it.
  Stop();
  EXPECT_TRUE(absl::StrContains(
      metrics_.Text(),
      "wxident_watchers{app_id=\"" + std::string(kMini) + "\"} 0\n"));
}

}  // namespace
}  // namespace wxident

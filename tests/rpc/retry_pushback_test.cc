// What gRPC clients with a retry policy are told, and that they obey.

#include <grpc/grpc.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "server/rpc/status.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

constexpr absl::Duration kLeft = absl::Seconds(10);

absl::Status Failure(Reason reason) { return Error(reason, "x").ToStatus(); }
absl::Status Failure(Reason reason, absl::Duration wait) {
  return Error(reason, "x").RetryAfter(wait).ToStatus();
}

TEST(RetryPushbackMsTest, IsTheWaitOfWhatMayBeRetried) {
  for (Reason reason :
       {Reason::kStoreUnavailable, Reason::kWechatUnreachable}) {
    for (Repeat repeat : {Repeat::kSafe, Repeat::kMaySpend})
      EXPECT_EQ(RetryPushbackMs(Failure(reason, absl::Milliseconds(250)),
                                repeat, kLeft),
                250);
    EXPECT_EQ(RetryPushbackMs(Failure(reason), Repeat::kSafe, kLeft),
              std::nullopt);
  }
  // Of a used-up quota clients decide by their policy alone.
  for (Reason reason : {Reason::kOverloaded, Reason::kTokenBudgetExhausted})
    EXPECT_EQ(RetryPushbackMs(Failure(reason, absl::Milliseconds(250)),
                              Repeat::kSafe, kLeft),
              std::nullopt);
  EXPECT_EQ(
      RetryPushbackMs(Failure(Reason::kAppMisconfigured, absl::Seconds(1)),
                      Repeat::kSafe, kLeft),
      std::nullopt);
  EXPECT_EQ(
      RetryPushbackMs(absl::UnavailableError("x"), Repeat::kMaySpend, kLeft),
      std::nullopt);
}

TEST(RetryPushbackMsTest, NobodyWaitsBeyondTheDeadline) {
  EXPECT_EQ(RetryPushbackMs(Failure(Reason::kStoreUnavailable, kLeft),
                            Repeat::kSafe, kLeft),
            10'000);
  const absl::Status error = Failure(Reason::kTokenBudgetExhausted, kLeft);
  EXPECT_EQ(RetryPushbackMs(error, Repeat::kSafe, kLeft - absl::Seconds(1)),
            -1);
  EXPECT_EQ(RetryPushbackMs(error, Repeat::kSafe, absl::Seconds(-1)), -1);
}

TEST(RetryPushbackMsTest, AStreamHearsOfALongWaitAtOnce) {
  const auto pushback = [](absl::Duration wait) {
    return RetryPushbackMs(Failure(Reason::kWechatUnreachable, wait),
                           Repeat::kSafe, absl::InfiniteDuration());
  };
  EXPECT_EQ(pushback(absl::Seconds(3)), 3000);
  EXPECT_EQ(pushback(absl::Seconds(4)), -1);
}

TEST(RetryPushbackMsTest, WhatMayBeSpentIsNotRepeated) {
  for (Reason reason : {Reason::kWechatBusy, Reason::kWechatBadResponse,
                        Reason::kOutcomeUnknown, Reason::kWechatRateLimited}) {
    EXPECT_EQ(RetryPushbackMs(Failure(reason), Repeat::kMaySpend, kLeft), -1);
    EXPECT_EQ(RetryPushbackMs(Failure(reason, absl::Seconds(1)),
                              Repeat::kMaySpend, kLeft),
              -1);
    EXPECT_EQ(RetryPushbackMs(Failure(reason), Repeat::kSafe, kLeft),
              std::nullopt);
  }
  EXPECT_EQ(
      RetryPushbackMs(Failure(Reason::kStoreUnavailable, absl::Milliseconds(1)),
                      Repeat::kSpent, kLeft),
      -1);
  EXPECT_EQ(RetryPushbackMs(Failure(Reason::kTampered), Repeat::kSpent, kLeft),
            std::nullopt);
}

class RetryPushbackTest : public ServiceTest {
 protected:
  // What the failure of a request in JSON says; "" when it says nothing.
  template <typename Stub, typename Request, typename Response>
  std::string Pushback(Method<Stub, Request, Response> method,
                       const std::string& json) {
    Request request;
    EXPECT_TRUE(
        google::protobuf::util::JsonStringToMessage(json, &request).ok());
    Response response;
    grpc::ClientContext context;
    EXPECT_FALSE(Call(method, request, &response, context).ok());
    const auto& metadata = context.GetServerTrailingMetadata();
    const auto found = metadata.find("grpc-retry-pushback-ms");
    return found == metadata.end()
               ? ""
               : std::string(found->second.data(), found->second.size());
  }

  // From here on the stubs repeat UNAVAILABLE and RESOURCE_EXHAUSTED up to four
  // times.
  void UseRetryPolicy() {
    grpc::ChannelArguments arguments;
    arguments.SetServiceConfigJSON(R"({"methodConfig": [{
        "name": [{"service": "wxident.v1.IdentityService"},
                 {"service": "wxident.v1.AdminService"}],
        "retryPolicy": {
            "maxAttempts": 5, "initialBackoff": "0.01s", "maxBackoff": "0.01s",
            "backoffMultiplier": 1,
            "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]}}]})");
    auto channel = grpc::CreateCustomChannel(
        addr_, grpc::InsecureChannelCredentials(), arguments);
    stub_ = v1::IdentityService::NewStub(channel);
    admin_ = v1::AdminService::NewStub(channel);
  }

  static std::string Code(const std::string& code) {
    return "{" + Text("app_id", kMini) + "," + Text("mini_program_code", code) +
           "}";
  }
  static std::string Token(const std::string& token) {
    return "{" + Text("session_token", token) + "}";
  }
  static std::string PhoneCode(const std::string& token) {
    return "{" + Text("session_token", token) + "," +
           Text("phone_code", "phone") + "}";
  }
};

TEST_F(RetryPushbackTest, ALoginWhoseCodeMayBeSpentIsNotRepeated) {
  int code = 0;
  for (Reason reason : {Reason::kWechatBusy, Reason::kWechatBadResponse,
                        Reason::kOutcomeUnknown}) {
    wechat_.FailNext(Failure(reason));
    EXPECT_EQ(Pushback(&Identity::Login, Code(absl::StrCat("code", ++code))),
              "-1");
  }
  wechat_.FailNext(Failure(Reason::kWechatUnreachable, absl::Seconds(1)));
  EXPECT_EQ(Pushback(&Identity::Login, Code("unsent")), "1000");
  wechat_.AddCode("stored", {"o_alice", "", Secret(kSessionKey)});
  identities_.FailWith(
      Failure(Reason::kStoreUnavailable, absl::Milliseconds(100)));
  EXPECT_EQ(Pushback(&Identity::Login, Code("stored")), "100");
  EXPECT_EQ(Pushback(&Identity::Login, Code("")), "");
}

TEST_F(RetryPushbackTest, APhoneCodeIsSpentOnceItWasSent) {
  const std::string token = LogIn();
  wechat_.FailNextAt("token", Failure(Reason::kOutcomeUnknown));
  EXPECT_NE(Pushback(&Identity::DecryptPhone, PhoneCode(token)), "-1");
  clock_.Advance(absl::Seconds(1));
  wechat_.FailNextAt("getuserphonenumber", Failure(Reason::kOutcomeUnknown));
  EXPECT_EQ(Pushback(&Identity::DecryptPhone, PhoneCode(token)), "-1");
  EXPECT_EQ(wechat_.calls("getuserphonenumber"), 1);
  wechat_.AddPhoneCode("phone", "o_alice",
                       {.phone_number = Secret("13912345678"),
                        .pure_phone_number = Secret("13912345678"),
                        .country_code = "86",
                        .watermark_time = clock_.Now()});
  profiles_.FailWith(
      Failure(Reason::kStoreUnavailable, absl::Milliseconds(100)));
  EXPECT_EQ(Pushback(&Identity::DecryptPhone, PhoneCode(token)), "-1");
}

TEST_F(RetryPushbackTest, WhatIsSafeFollowsTheClientsPolicy) {
  const std::string token = LogIn();
  wechat_.FailNextAt("checksession", Failure(Reason::kWechatBusy));
  EXPECT_EQ(Pushback(&Identity::CheckSessionKey, Token(token)), "");
}

TEST_F(RetryPushbackTest, AForcedRefreshIsNotRepeated) {
  wechat_.FailNextAt("token", Failure(Reason::kOutcomeUnknown));
  EXPECT_EQ(Pushback(&Admin::RefreshAccessToken,
                     "{" + Text("app_id", kOfficial) + "}"),
            "-1");
}

TEST_F(RetryPushbackTest, AWatchSaysItToo) {
  wechat_.FailNextAt("token",
                     Failure(Reason::kWechatUnreachable, absl::Seconds(1)));
  v1::WatchAccessTokenRequest request;
  request.set_app_id(kOfficial);
  grpc::ClientContext context;
  v1::WatchAccessTokenResponse token;
  auto reader = stub_->WatchAccessToken(&context, request);
  EXPECT_FALSE(reader->Read(&token));
  EXPECT_EQ(ReasonOf(reader->Finish()), "WECHAT_UNREACHABLE");
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto found = metadata.find("grpc-retry-pushback-ms");
  ASSERT_NE(found, metadata.end());
  EXPECT_EQ(std::string(found->second.data(), found->second.size()), "1000");
}

TEST_F(RetryPushbackTest, ClientsObey) {
  const std::string token = LogIn();
  const int exchanges = wechat_.exchanges();
  UseRetryPolicy();

  wechat_.FailNextAt("jscode2session", Failure(Reason::kOutcomeUnknown));
  EXPECT_EQ(Refusal(&Identity::Login, Code("spent")), "OUTCOME_UNKNOWN");
  EXPECT_EQ(wechat_.exchanges(), exchanges + 1);

  wechat_.AddCode("alive", {"o_alice", "", Secret(kSessionKey)});
  for (int i = 0; i < 3; ++i)
    wechat_.FailNextAt("jscode2session", Failure(Reason::kWechatUnreachable,
                                                 absl::Milliseconds(1)));
  Answer(&Identity::Login, Code("alive"));
  EXPECT_EQ(wechat_.exchanges(), exchanges + 5);

  wechat_.FailNextAt("checksession", Failure(Reason::kWechatBusy));
  EXPECT_TRUE(Answer(&Identity::CheckSessionKey, Token(token)).valid());

  // Hours to wait: the reason comes at once.
  wechat_.FailNextAt("checksession",
                     Failure(Reason::kWechatRateLimited, absl::Hours(5)));
  EXPECT_EQ(Refusal(&Identity::CheckSessionKey, Token(token)),
            "WECHAT_RATE_LIMITED");
}

}  // namespace
}  // namespace wxident

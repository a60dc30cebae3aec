#include "wxident/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "wxident/fake.h"
#include "wxident/v1/options.pb.h"

namespace wxident::client {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST(ErrorTest, WhatTheServerDidNotSaySaysWhatToDo) {
  const absl::Status status =
      FromGrpc({grpc::StatusCode::UNAVAILABLE, "connection refused"});
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_EQ(ReasonName(ReasonOf(status)), "");
  EXPECT_EQ(MetadataOf(status, "errcode"), "");
  EXPECT_THAT(ViolationsOf(status), SizeIs(0));
  EXPECT_EQ(RetryAfter(status), std::nullopt);
  EXPECT_EQ(RequestId(status), "");
  EXPECT_THAT(status.message(), HasSubstr("check the address"));
  EXPECT_THAT(status.message(), HasSubstr("connection refused"));
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
}

TEST(ErrorTest, AnotherDomainIsNotOurs) {
  google::rpc::Status wire;
  auto* detail = wire.add_details();
  detail->set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  // reason = "LOGIN_CODE_INVALID", domain = "else"
  detail->set_value(
      "\x0a\x12LOGIN_CODE_INVALID\x12\x04"
      "else");
  const absl::Status status =
      FromGrpc({grpc::StatusCode::INTERNAL, "odd", wire.SerializeAsString()});
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_FALSE(Is(status, v1::ERROR_REASON_LOGIN_CODE_INVALID));
}

TEST(ErrorTest, OkHasNoReason) {
  EXPECT_FALSE(Is(absl::OkStatus(), v1::ERROR_REASON_UNSPECIFIED));
}

TEST(ErrorTest, CarriesTheDetails) {
  FakeWxident fake;
  const auto client = fake.MakeClient();
  FakeWxident::Failure failure;
  failure.retry_after = absl::Milliseconds(1500);
  failure.errcode = "45009";
  failure.field = "user_id";
  fake.FailNext("GetUser", v1::ERROR_REASON_WECHAT_RATE_LIMITED, failure);
  const absl::Status status = client->GetUser({}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_TRUE(Is(status, v1::ERROR_REASON_WECHAT_RATE_LIMITED));
  EXPECT_EQ(ReasonName(ReasonOf(status)), "WECHAT_RATE_LIMITED");
  EXPECT_EQ(MetadataOf(status, "errcode"), "45009");
  EXPECT_NE(MetadataOf(status, "rid"), "");
  EXPECT_EQ(RetryAfter(status), absl::Milliseconds(1500));
  EXPECT_THAT(RequestId(status), MatchesRegex("[0-9a-f]{16}"));
  EXPECT_THAT(status.ToString(), HasSubstr(absl::StrCat("wxident-request-id='",
                                                        RequestId(status))));
  EXPECT_THAT(ViolationsOf(status),
              UnorderedElementsAre(Pair("user_id", HasSubstr("asked for"))));
}

// Each reason comes with the code and the advice that error_reason.proto names.
TEST(ErrorTest, EveryReason) {
  FakeWxident fake;
  const auto client = fake.MakeClient();
  const auto* reasons = v1::ErrorReason_descriptor();
  // The first is no reason.
  for (int i = 1; i < reasons->value_count(); ++i) {
    const auto* value = reasons->value(i);
    const v1::ReasonRules& rules =
        value->options().GetExtension(v1::reason_rules);
    const auto reason = static_cast<v1::ErrorReason>(value->number());
    fake.FailNext("GetUser", reason);
    const absl::Status status = client->GetUser({}).status();
    EXPECT_EQ(static_cast<int>(status.code()), rules.code()) << value->name();
    EXPECT_TRUE(Is(status, reason)) << value->name();
    EXPECT_EQ("ERROR_REASON_" + ReasonName(reason), value->name());
    EXPECT_NE(AdviceOf(reason), "") << value->name();
  }
  EXPECT_EQ(AdviceOf(v1::ERROR_REASON_LOGIN_CODE_INVALID),
            reasons->FindValueByNumber(v1::ERROR_REASON_LOGIN_CODE_INVALID)
                ->options()
                .GetExtension(v1::reason_rules)
                .advice_en());
  EXPECT_EQ(AdviceOf(v1::ERROR_REASON_UNSPECIFIED), "");
}

}  // namespace
}  // namespace wxident::client

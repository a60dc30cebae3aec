#include "wxident/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "wxident/fake.h"

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

// Each reason comes with the code that error_reason.proto names.
TEST(ErrorTest, EveryReason) {
  std::ifstream file("protos/wxident/v1/error_reason.proto");
  std::stringstream text;
  text << file.rdbuf();
  const std::string proto = text.str();
  const std::regex reason(
      R"(\n\n  // ([A-Z_]+)\. [^=]*\n  (ERROR_REASON_[A-Z_]+) = )");
  FakeWxident fake;
  const auto client = fake.MakeClient();
  int count = 0;
  for (auto match = std::sregex_iterator(proto.begin(), proto.end(), reason);
       match != std::sregex_iterator(); ++match, ++count) {
    const std::string name = (*match)[2];
    v1::ErrorReason value;
    ASSERT_TRUE(v1::ErrorReason_Parse(name, &value)) << name;
    fake.FailNext("GetUser", value);
    const absl::Status status = client->GetUser({}).status();
    EXPECT_EQ(absl::StatusCodeToString(status.code()), (*match)[1]) << name;
    EXPECT_TRUE(Is(status, value)) << name;
    EXPECT_EQ("ERROR_REASON_" + ReasonName(value), name);
  }
  EXPECT_EQ(count, v1::ErrorReason_descriptor()->value_count() - 1);
}

}  // namespace
}  // namespace wxident::client

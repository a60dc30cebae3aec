#include "server/identity/error.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const std::pair<Reason, absl::StatusCode> kCodes[] = {
    {Reason::kRequestInvalid, absl::StatusCode::kInvalidArgument},
    {Reason::kAppUnknown, absl::StatusCode::kInvalidArgument},
    {Reason::kDecryptRejected, absl::StatusCode::kInvalidArgument},
    {Reason::kLoginCodeInvalid, absl::StatusCode::kFailedPrecondition},
    {Reason::kLoginCodeConsumed, absl::StatusCode::kFailedPrecondition},
    {Reason::kSessionNotActive, absl::StatusCode::kFailedPrecondition},
    {Reason::kSessionKeyStale, absl::StatusCode::kFailedPrecondition},
    {Reason::kAppMisconfigured, absl::StatusCode::kFailedPrecondition},
    {Reason::kUserBlocked, absl::StatusCode::kPermissionDenied},
    {Reason::kApiUnauthorized, absl::StatusCode::kPermissionDenied},
    {Reason::kCallerNotAllowed, absl::StatusCode::kPermissionDenied},
    {Reason::kCallerUnauthenticated, absl::StatusCode::kUnauthenticated},
    {Reason::kUserNotFound, absl::StatusCode::kNotFound},
    {Reason::kProfileNotFound, absl::StatusCode::kNotFound},
    {Reason::kWechatRateLimited, absl::StatusCode::kResourceExhausted},
    {Reason::kTokenBudgetExhausted, absl::StatusCode::kResourceExhausted},
    {Reason::kOverloaded, absl::StatusCode::kResourceExhausted},
    {Reason::kCallerRateLimited, absl::StatusCode::kResourceExhausted},
    {Reason::kSessionRateLimited, absl::StatusCode::kResourceExhausted},
    {Reason::kWechatBusy, absl::StatusCode::kUnavailable},
    {Reason::kWechatUnreachable, absl::StatusCode::kUnavailable},
    {Reason::kWechatBadResponse, absl::StatusCode::kUnavailable},
    {Reason::kStoreUnavailable, absl::StatusCode::kUnavailable},
    {Reason::kOutcomeUnknown, absl::StatusCode::kUnavailable},
    {Reason::kAuditUnavailable, absl::StatusCode::kUnavailable},
    {Reason::kDeadlinePassed, absl::StatusCode::kDeadlineExceeded},
    {Reason::kKeyUnavailable, absl::StatusCode::kDataLoss},
    {Reason::kTampered, absl::StatusCode::kDataLoss},
    {Reason::kWechatRequestRejected, absl::StatusCode::kInternal},
    {Reason::kInternalFault, absl::StatusCode::kInternal},
    {Reason::kWechatErrcodeUnknown, absl::StatusCode::kUnknown},
};

TEST(ErrorTest, EachReasonHasItsCodeAndName) {
  std::set<std::string> names;
  for (const auto& [reason, code] : kCodes) {
    EXPECT_EQ(ReasonCode(reason), code) << ReasonName(reason);
    EXPECT_TRUE(names.insert(std::string(ReasonName(reason))).second);
    const absl::Status status = Error(reason, "what").ToStatus();
    EXPECT_EQ(status.code(), code);
    EXPECT_EQ(status.message(), "what");
    EXPECT_TRUE(HasReason(status, reason));
  }
  EXPECT_EQ(ReasonName(Reason::kLoginCodeInvalid), "LOGIN_CODE_INVALID");
}

TEST(ErrorTest, DetailsComeBackWhole) {
  const absl::Status status = Error(Reason::kWechatRateLimited, "slow down")
                                  .With("errcode", "45011")
                                  .With("rid", "a-b-c")
                                  .Field("code", "is too long")
                                  .Field("app_id", "is empty")
                                  .RetryAfter(absl::Milliseconds(1500))
                                  .ToStatus();
  const ErrorDetails details = DetailsOf(status);
  EXPECT_EQ(details.reason, Reason::kWechatRateLimited);
  EXPECT_THAT(details.metadata,
              ElementsAre(Pair("errcode", "45011"), Pair("rid", "a-b-c")));
  EXPECT_THAT(details.fields, UnorderedElementsAre(Pair("code", "is too long"),
                                                   Pair("app_id", "is empty")));
  EXPECT_EQ(details.retry_after, absl::Milliseconds(1500));
  EXPECT_EQ(details.Fact("errcode"), "45011");
  EXPECT_EQ(details.Fact("hint"), "");
}

TEST(ErrorTest, PlainErrorsHaveNothing) {
  const ErrorDetails details =
      DetailsOf(Error(Reason::kUserNotFound, "none").ToStatus());
  EXPECT_TRUE(details.metadata.empty());
  EXPECT_TRUE(details.fields.empty());
  EXPECT_EQ(details.retry_after, std::nullopt);
}

TEST(ErrorTest, AnErrorThatNobodyMadeIsAnInternalFault) {
  const absl::Status foreign = absl::NotFoundError("x");
  EXPECT_EQ(DetailsOf(foreign).reason, Reason::kInternalFault);
  EXPECT_FALSE(HasReason(foreign, Reason::kUserNotFound));
  EXPECT_FALSE(HasReason(absl::OkStatus(), Reason::kInternalFault));
}

}  // namespace
}  // namespace wxident

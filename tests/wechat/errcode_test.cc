#include "server/wechat/errcode.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRid[] = "652d44d0-1d0af18b-5b069232";

// WeChat's list of errcodes with the action it calls for:
//   R retry, T refresh the app's token, L log in again, C configuration,
//   P permission, B our defect, Q wait, U blocked user, I wrong input.
struct Documented {
  char action;
  std::vector<int> errcodes;
};

const std::vector<Documented>& All() {
  static const std::vector<Documented>& all = *new std::vector<Documented>{
      {'R', {-1, 61005, 61006}},
      {'T', {40001, 40014, 42001}},
      {'L', {40029, 40030, 40163, 42002, 42003, 42007, 87007, 87009}},
      {'C',
       {40013, 40125, 40164, 40243, 43004, 43101, 45035, 50005, 61004, 61011,
        61023, 61024, 89002, 89501, 89503, 89506, 89507}},
      {'P', {48001, 48004, 50001, 50004, 61003, 61007, 76003}},
      {'B',
       {40002, 41001, 41002, 41003, 41004, 41018, 43001, 43002, 43003, 44002,
        47001, 61014, 76001, 87008}},
      {'Q', {44990, 45009, 45011, 48006}},
      {'U', {40226, 50002}},
      {'I',
       {40003, 40032, 40097, 41008, 41009, 41030, 76002, 76021, 76022, 89300}},
  };
  return all;
}

Reason ReasonOf(int64_t errcode, ErrcodeContext context) {
  const absl::Status status =
      ErrcodeError(errcode, kRid, context, absl::UnixEpoch());
  EXPECT_FALSE(status.ok());
  return DetailsOf(status).reason;
}

Reason ExpectedAtCodeExchange(char action, int errcode) {
  switch (action) {
    case 'R':
      return Reason::kWechatBusy;
    case 'T':
      // No token was sent; 40001 then means the app secret.
      return errcode == 40001 ? Reason::kAppMisconfigured
                              : Reason::kWechatBadResponse;
    case 'L':
      if (errcode == 40163) return Reason::kLoginCodeConsumed;
      if (errcode == 87007 || errcode == 87009) return Reason::kSessionKeyStale;
      return Reason::kLoginCodeInvalid;
    case 'C':
      return Reason::kAppMisconfigured;
    case 'P':
      return Reason::kApiUnauthorized;
    case 'B':
      return Reason::kWechatRequestRejected;
    case 'Q':
      return Reason::kWechatRateLimited;
    case 'U':
      return Reason::kUserBlocked;
    default:
      return Reason::kRequestInvalid;
  }
}

TEST(ErrcodeTest, EachHasItsReasonAtACodeExchange) {
  for (const Documented& documented : All())
    for (int errcode : documented.errcodes)
      EXPECT_EQ(ReasonName(ReasonOf(errcode, ErrcodeContext::kCodeExchange)),
                ReasonName(ExpectedAtCodeExchange(documented.action, errcode)))
          << errcode;
}

TEST(ErrcodeTest, AnApiDiffersOnlyInWhatItsTokenMeans) {
  for (const Documented& documented : All())
    for (int errcode : documented.errcodes)
      EXPECT_EQ(
          ReasonName(ReasonOf(errcode, ErrcodeContext::kApi)),
          ReasonName(documented.action == 'T'
                         ? Reason::kWechatBadResponse
                         : ExpectedAtCodeExchange(documented.action, errcode)))
          << errcode;
}

TEST(ErrcodeTest, TheTokenEndpointKnowsNoUsers) {
  for (const Documented& documented : All())
    for (int errcode : documented.errcodes) {
      Reason expected = ExpectedAtCodeExchange(documented.action, errcode);
      if (errcode == 45009) {
        expected = Reason::kTokenBudgetExhausted;
      } else if (errcode == 50002) {
        expected = Reason::kApiUnauthorized;
      } else if (errcode == 43004 || errcode == 43101 || errcode == 50005 ||
                 documented.action == 'L' || documented.action == 'U' ||
                 documented.action == 'I') {
        expected = Reason::kWechatBadResponse;
      }
      EXPECT_EQ(ReasonName(ReasonOf(errcode, ErrcodeContext::kTokenEndpoint)),
                ReasonName(expected))
          << errcode;
    }
}

TEST(ErrcodeTest, AWebPagesCodeIsACode) {
  for (const Documented& documented : All())
    for (int errcode : documented.errcodes)
      EXPECT_EQ(ReasonOf(errcode, ErrcodeContext::kOauthCode),
                ReasonOf(errcode, ErrcodeContext::kCodeExchange))
          << errcode;
}

TEST(ErrcodeTest, TheRestDiffersFromAnApiWhereItMust) {
  const struct {
    ErrcodeContext context;
    std::map<int, Reason> differs;
  } cases[] = {
      {ErrcodeContext::kOauthRefresh,
       {{40029, Reason::kOauthGrantExpired},
        {40030, Reason::kOauthGrantExpired},
        {41003, Reason::kOauthGrantExpired},
        {42002, Reason::kOauthGrantExpired},
        {42007, Reason::kOauthGrantExpired}}},
      {ErrcodeContext::kOauthApi,
       {{40001, Reason::kOauthGrantExpired},
        {40014, Reason::kOauthGrantExpired},
        {42001, Reason::kOauthGrantExpired},
        {42007, Reason::kOauthGrantExpired},
        {48001, Reason::kOauthScopeInsufficient}}},
      {ErrcodeContext::kPhoneCode, {}},
  };
  for (const auto& [context, differs] : cases)
    for (const Documented& documented : All())
      for (int errcode : documented.errcodes) {
        const auto found = differs.find(errcode);
        EXPECT_EQ(ReasonName(ReasonOf(errcode, context)),
                  ReasonName(found != differs.end()
                                 ? found->second
                                 : ReasonOf(errcode, ErrcodeContext::kApi)))
            << errcode;
      }
}

TEST(ErrcodeTest, MessagesSpeakOfWhatWasSent) {
  const struct {
    ErrcodeContext context;
    int errcode;
    const char* part;
    const char* advice;
  } cases[] = {
      {ErrcodeContext::kCodeExchange, 40029, "the code", "wx.login"},
      {ErrcodeContext::kOauthCode, 40163, "the code", "authorize page"},
      {ErrcodeContext::kOauthRefresh, 40029, "the refresh_token",
       "authorize page"},
      {ErrcodeContext::kOauthApi, 40001, "the user's access_token",
       "authorize page"},
      {ErrcodeContext::kOauthApi, 48001, "consent", "snsapi_userinfo"},
      {ErrcodeContext::kPhoneCode, 40029, "the phone code", "phone button"},
      {ErrcodeContext::kPhoneCode, 40163, "the phone code", "phone button"},
      {ErrcodeContext::kPhoneCode, 42003, "the phone code", "phone button"},
  };
  for (const auto& [context, errcode, part, advice] : cases) {
    const std::string message(
        ErrcodeError(errcode, kRid, context, absl::UnixEpoch()).message());
    EXPECT_THAT(message, HasSubstr(part)) << errcode;
    EXPECT_THAT(message, HasSubstr(advice)) << errcode;
  }
}

TEST(ErrcodeTest, TheStatusGoesWithTheReason) {
  const std::pair<int, absl::StatusCode> cases[] = {
      {-1, absl::StatusCode::kUnavailable},
      {40013, absl::StatusCode::kFailedPrecondition},
      {40029, absl::StatusCode::kFailedPrecondition},
      {40163, absl::StatusCode::kFailedPrecondition},
      {40226, absl::StatusCode::kPermissionDenied},
      {41002, absl::StatusCode::kInternal},
      {45011, absl::StatusCode::kResourceExhausted},
      {48001, absl::StatusCode::kPermissionDenied},
      {40003, absl::StatusCode::kInvalidArgument},
      {12345, absl::StatusCode::kUnknown},
  };
  for (const auto& [errcode, code] : cases)
    EXPECT_EQ(ErrcodeError(errcode, "", ErrcodeContext::kCodeExchange,
                           absl::UnixEpoch())
                  .code(),
              code)
        << errcode;
}

TEST(ErrcodeTest, CarriesErrcodeAndRid) {
  for (int64_t errcode : {int64_t{40029}, int64_t{-1}, int64_t{99999999999}}) {
    const ErrorDetails details = DetailsOf(ErrcodeError(
        errcode, kRid, ErrcodeContext::kCodeExchange, absl::UnixEpoch()));
    EXPECT_EQ(details.metadata.at("errcode"), absl::StrCat(errcode));
    EXPECT_EQ(details.metadata.at("rid"), kRid);
  }
  const ErrorDetails details = DetailsOf(ErrcodeError(
      40029, "", ErrcodeContext::kCodeExchange, absl::UnixEpoch()));
  EXPECT_EQ(details.metadata.count("rid"), 0u);
}

TEST(ErrcodeTest, UnknownOnesAreUnknown) {
  std::set<int> known;
  for (const Documented& documented : All())
    known.insert(documented.errcodes.begin(), documented.errcodes.end());
  EXPECT_EQ(known.size(), 68u);
  for (int errcode = -10; errcode < 100000; ++errcode) {
    ASSERT_EQ(IsKnownErrcode(errcode), known.count(errcode) == 1) << errcode;
    if (known.count(errcode) == 0 && errcode % 977 == 0) {
      EXPECT_EQ(ReasonName(ReasonOf(errcode, ErrcodeContext::kCodeExchange)),
                "WECHAT_ERRCODE_UNKNOWN");
    }
  }
}

TEST(ErrcodeTest, LimitsTellWhenTheyEnd) {
  // 2026-03-31 23:58:30 in China.
  const absl::Time now = absl::FromCivil(
      absl::CivilSecond(2026, 3, 31, 15, 58, 30), absl::UTCTimeZone());
  const std::pair<int, absl::Duration> cases[] = {
      {44990, absl::Seconds(1)},
      {45011, absl::Seconds(30)},
      {45009, absl::Seconds(90)},
      {48006, absl::Seconds(90)},
  };
  for (const auto& [errcode, wait] : cases) {
    for (ErrcodeContext context :
         {ErrcodeContext::kCodeExchange, ErrcodeContext::kTokenEndpoint,
          ErrcodeContext::kApi})
      EXPECT_EQ(DetailsOf(ErrcodeError(errcode, "", context, now)).retry_after,
                wait)
          << errcode;
  }
  const absl::Time later = now + absl::Minutes(2);
  EXPECT_EQ(DetailsOf(ErrcodeError(45009, "", ErrcodeContext::kApi, later))
                .retry_after,
            absl::Hours(24) - absl::Seconds(30));
  EXPECT_EQ(
      DetailsOf(ErrcodeError(40013, "", ErrcodeContext::kApi, now)).retry_after,
      std::nullopt);
}

TEST(ErrcodeTest, MessagesSayWhatToDo) {
  const std::pair<int, const char*> cases[] = {
      {40029, "new code"}, {40163, "new code"},     {40125, "operator"},
      {48001, "operator"}, {40226, "do not retry"}, {45011, "wait"},
      {-1, "retry"},       {41002, "report"},       {12345, "report"},
  };
  for (const auto& [errcode, part] : cases)
    EXPECT_THAT(
        std::string(ErrcodeError(errcode, kRid, ErrcodeContext::kCodeExchange,
                                 absl::UnixEpoch())
                        .message()),
        HasSubstr(part));
}

}  // namespace
}  // namespace wxident

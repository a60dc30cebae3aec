#include "server/wechat/errcode.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

enum class Wait { kNone, kSecond, kMinute, kDay, kMonth };

struct Row {
  int64_t errcode;
  // What happened, in our words; completes "WeChat says that ".
  absl::string_view what;
  Reason at_code_exchange;
  Reason at_token_endpoint;
  Reason at_api;
  Wait wait = Wait::kNone;
};

constexpr Reason kBusy = Reason::kWechatBusy;
constexpr Reason kConfig = Reason::kAppMisconfigured;
constexpr Reason kConsumed = Reason::kLoginCodeConsumed;
constexpr Reason kDenied = Reason::kApiUnauthorized;
constexpr Reason kGrant = Reason::kOauthGrantExpired;
constexpr Reason kInvalid = Reason::kRequestInvalid;
constexpr Reason kLimited = Reason::kWechatRateLimited;
constexpr Reason kLogin = Reason::kLoginCodeInvalid;
constexpr Reason kOurs = Reason::kWechatRequestRejected;
constexpr Reason kStaleKey = Reason::kSessionKeyStale;
constexpr Reason kBlocked = Reason::kUserBlocked;
// An errcode that the called endpoint cannot mean, such as an expired token
// where none was sent; at an API, a token that a refresh did not mend.
constexpr Reason kOdd = Reason::kWechatBadResponse;

constexpr Row kTable[] = {
    {-1, "it is busy", kBusy, kBusy, kBusy},
    {40001, "the app secret or access_token is wrong", kConfig, kConfig, kOdd},
    {40002, "the grant_type is wrong", kOurs, kOurs, kOurs},
    {40003, "the openid is not one of this app", kInvalid, kOdd, kInvalid},
    {40013, "the app_id is wrong", kConfig, kConfig, kConfig},
    {40014, "the access_token is wrong", kOdd, kOdd, kOdd},
    {40029, "it does not know the code", kLogin, kOdd, kLogin},
    {40030, "the refresh_token is wrong", kLogin, kOdd, kLogin},
    {40032, "the openid list has a wrong size", kInvalid, kOdd, kInvalid},
    {40097, "an argument is wrong", kInvalid, kOdd, kInvalid},
    {40125, "the app secret is wrong", kConfig, kConfig, kConfig},
    {40163, "the code has been used", kConsumed, kOdd, kConsumed},
    {40164, "the server's IP address is not on the app's list", kConfig,
     kConfig, kConfig},
    {40226, "the user is a high risk", kBlocked, kOdd, kBlocked},
    {40243, "the app secret is frozen", kConfig, kConfig, kConfig},
    {41001, "the access_token is missing", kOurs, kOurs, kOurs},
    {41002, "the app_id is missing", kOurs, kOurs, kOurs},
    {41003, "the refresh_token is missing", kOurs, kOurs, kOurs},
    {41004, "the app secret is missing", kOurs, kOurs, kOurs},
    {41008, "the code is missing", kInvalid, kOdd, kInvalid},
    {41009, "the openid is missing", kInvalid, kOdd, kInvalid},
    {41018, "the component app_id is missing", kOurs, kOurs, kOurs},
    {41030, "the page is wrong", kInvalid, kOdd, kInvalid},
    {42001, "the access_token has expired", kOdd, kOdd, kOdd},
    {42002, "the refresh_token has expired", kLogin, kOdd, kLogin},
    {42003, "the code has expired", kLogin, kOdd, kLogin},
    {42007, "the user changed the password", kLogin, kOdd, kLogin},
    {43001, "GET is needed", kOurs, kOurs, kOurs},
    {43002, "POST is needed", kOurs, kOurs, kOurs},
    {43003, "HTTPS is needed", kOurs, kOurs, kOurs},
    {43004, "the user does not follow the account", kConfig, kOdd, kConfig},
    {43101, "the user refuses messages", kConfig, kOdd, kConfig},
    {44002, "the body is empty", kOurs, kOurs, kOurs},
    {44990, "calls come too fast", kLimited, kLimited, kLimited, Wait::kSecond},
    {45009, "the day's calls are used up", kLimited,
     Reason::kTokenBudgetExhausted, kLimited, Wait::kDay},
    {45011, "the minute's calls are used up", kLimited, kLimited, kLimited,
     Wait::kMinute},
    {45035, "the server's IP address is not registered", kConfig, kConfig,
     kConfig},
    {47001, "the body cannot be parsed", kOurs, kOurs, kOurs},
    {48001, "the account may not use this API", kDenied, kDenied, kDenied},
    {48004, "the account is banned from this API", kDenied, kDenied, kDenied},
    {48006, "the month's quota resets are used up", kLimited, kLimited,
     kLimited, Wait::kMonth},
    {50001, "the user has not authorised this API", kDenied, kDenied, kDenied},
    // The token endpoint knows no user: there it is the account.
    {50002, "the user or account is frozen or banned", kBlocked, kDenied,
     kBlocked},
    {50004, "the account may not use the token", kDenied, kDenied, kDenied},
    {50005, "the user does not follow the account", kConfig, kOdd, kConfig},
    {61003, "the account has not authorised the platform", kDenied, kDenied,
     kDenied},
    {61004, "the server's IP address is not registered", kConfig, kConfig,
     kConfig},
    {61005, "the component ticket has expired", kBusy, kBusy, kBusy},
    {61006, "the component ticket is wrong", kBusy, kBusy, kBusy},
    {61007, "the API is not authorised to the platform", kDenied, kDenied,
     kDenied},
    {61011, "the component is wrong", kConfig, kConfig, kConfig},
    {61014, "a component token is needed", kOurs, kOurs, kOurs},
    {61023, "the authorizer_refresh_token is wrong", kConfig, kConfig, kConfig},
    {61024, "a platform's app_id needs a component token", kConfig, kConfig,
     kConfig},
    {76001, "the rid is not found", kOurs, kOurs, kOurs},
    {76002, "the rid is malformed", kInvalid, kOdd, kInvalid},
    {76003, "the rid is another account's", kDenied, kDenied, kDenied},
    {76021, "the cgi_path is not known", kInvalid, kOdd, kInvalid},
    {76022, "the cgi_path is not permitted", kInvalid, kOdd, kInvalid},
    {87007, "the session_key is gone", kStaleKey, kOdd, kStaleKey},
    {87008, "the sig_method is wrong", kOurs, kOurs, kOurs},
    {87009, "the session_key is stale", kStaleKey, kOdd, kStaleKey},
    {89002, "the app is bound to no Open Platform account", kConfig, kConfig,
     kConfig},
    {89300, "the payment is not one of this user", kInvalid, kOdd, kInvalid},
    {89501, "the server's IP address waits for confirmation", kConfig, kConfig,
     kConfig},
    {89503, "an administrator must confirm the server's IP address", kConfig,
     kConfig, kConfig},
    {89506, "the server's IP address is refused for 24 h", kConfig, kConfig,
     kConfig},
    {89507, "the server's IP address is refused for 1 h", kConfig, kConfig,
     kConfig},
};

// Where an errcode means something else than its row of kTable says of an API.
struct Exception {
  ErrcodeContext context;
  int64_t errcode;
  absl::string_view what;
  Reason reason;
};

constexpr Exception kExceptions[] = {
    // No refresh_token of ours can become good again.
    {ErrcodeContext::kOauthRefresh, 40029, "it does not know the refresh_token",
     kGrant},
    {ErrcodeContext::kOauthRefresh, 40030, "the refresh_token is wrong",
     kGrant},
    {ErrcodeContext::kOauthRefresh, 41003, "the refresh_token is missing",
     kGrant},
    {ErrcodeContext::kOauthRefresh, 42002, "the refresh_token has expired",
     kGrant},
    {ErrcodeContext::kOauthRefresh, 42007, "the user changed the password",
     kGrant},
    // Of a person's own token: the app's settings are not at fault.
    {ErrcodeContext::kOauthApi, 40001, "the user's access_token is wrong",
     kGrant},
    {ErrcodeContext::kOauthApi, 40014, "the user's access_token is wrong",
     kGrant},
    {ErrcodeContext::kOauthApi, 42001, "the user's access_token has expired",
     kGrant},
    {ErrcodeContext::kOauthApi, 42007, "the user changed the password", kGrant},
    {ErrcodeContext::kOauthApi, 48001, "the user's consent does not cover this",
     Reason::kOauthScopeInsufficient},
    {ErrcodeContext::kPhoneCode, 40029, "it does not know the phone code",
     kLogin},
    {ErrcodeContext::kPhoneCode, 40163, "the phone code has been used",
     kConsumed},
    {ErrcodeContext::kPhoneCode, 42003, "the phone code has expired", kLogin},
};

const Exception* FindException(ErrcodeContext context, int64_t errcode) {
  for (const Exception& exception : kExceptions)
    if (exception.context == context && exception.errcode == errcode)
      return &exception;
  return nullptr;
}

const Row* Find(int64_t errcode) {
  for (const Row& row : kTable)
    if (row.errcode == errcode) return &row;
  return nullptr;
}

Reason ReasonIn(const Row& row, ErrcodeContext context) {
  switch (context) {
    case ErrcodeContext::kCodeExchange:
    case ErrcodeContext::kOauthCode:
      return row.at_code_exchange;
    case ErrcodeContext::kTokenEndpoint:
      return row.at_token_endpoint;
    case ErrcodeContext::kOauthRefresh:
    case ErrcodeContext::kOauthApi:
    case ErrcodeContext::kPhoneCode:
    case ErrcodeContext::kApi:
      return row.at_api;
  }
  return kOdd;
}

absl::string_view CodeAdvice(ErrcodeContext context) {
  switch (context) {
    case ErrcodeContext::kOauthCode:
    case ErrcodeContext::kOauthRefresh:
    case ErrcodeContext::kOauthApi:
      return "send the user to WeChat's authorize page again";
    case ErrcodeContext::kPhoneCode:
      return "have the user press the phone button again";
    default:
      return "get a new code with wx.login";
  }
}

absl::string_view Advice(Reason reason, ErrcodeContext context) {
  switch (reason) {
    case Reason::kWechatBusy:
    case Reason::kWechatBadResponse:
      return "retry, a login with a new code";
    case Reason::kLoginCodeInvalid:
    case Reason::kLoginCodeConsumed:
      return CodeAdvice(context);
    case Reason::kOauthGrantExpired:
      return "send the user to WeChat's authorize page again";
    case Reason::kOauthScopeInsufficient:
      return "send the user to WeChat's authorize page with scope "
             "snsapi_userinfo";
    case Reason::kSessionKeyStale:
      return "log in again, then ask for the data again";
    case Reason::kAppMisconfigured:
    case Reason::kApiUnauthorized:
      return "tell the operator the errcode";
    case Reason::kUserBlocked:
      return "do not retry";
    case Reason::kWechatRateLimited:
    case Reason::kTokenBudgetExhausted:
      return "wait before the next call";
    case Reason::kRequestInvalid:
      return "mend the request";
    default:
      return "report it with the errcode and rid";
  }
}

// WeChat's days and months are China's, which has no summer time.
absl::Duration Until(Wait wait, absl::Time now) {
  const absl::TimeZone china = absl::FixedTimeZone(8 * 60 * 60);
  switch (wait) {
    case Wait::kNone:
      break;
    case Wait::kSecond:
      return absl::Seconds(1);
    case Wait::kMinute:
      return absl::FromCivil(absl::ToCivilMinute(now, china) + 1, china) - now;
    case Wait::kDay:
      return absl::FromCivil(absl::ToCivilDay(now, china) + 1, china) - now;
    case Wait::kMonth:
      return absl::FromCivil(absl::ToCivilMonth(now, china) + 1, china) - now;
  }
  return absl::ZeroDuration();
}

}  // namespace

bool IsKnownErrcode(int64_t errcode) { return Find(errcode) != nullptr; }

absl::Status ErrcodeError(int64_t errcode, absl::string_view rid,
                          ErrcodeContext context, absl::Time now) {
  const Row* row = Find(errcode);
  const Exception* exception = FindException(context, errcode);
  Reason reason = Reason::kWechatErrcodeUnknown;
  std::string message =
      absl::StrCat("WeChat answered with errcode ", errcode,
                   ", which this server does not know; do not retry, and "
                   "report it");
  if (row != nullptr) {
    reason = exception != nullptr ? exception->reason : ReasonIn(*row, context);
    message = absl::StrCat(
        "WeChat says that ", exception != nullptr ? exception->what : row->what,
        " (errcode ", errcode, "); ", Advice(reason, context));
  }
  Error error = Error(reason, message).With("errcode", absl::StrCat(errcode));
  if (!rid.empty()) error = std::move(error).With("rid", rid);
  if (row != nullptr && row->wait != Wait::kNone)
    error = std::move(error).RetryAfter(Until(row->wait, now));
  return std::move(error).ToStatus();
}

}  // namespace wxident

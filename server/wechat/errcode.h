#ifndef WXIDENT_SERVER_WECHAT_ERRCODE_H_
#define WXIDENT_SERVER_WECHAT_ERRCODE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace wxident {

// What was called: the same errcode means different things.
enum class ErrcodeContext {
  // A wx.login code, with the app secret.
  kCodeExchange,
  // A web page's code, with the app secret.
  kOauthCode,
  // A person's refresh_token.
  kOauthRefresh,
  // Anything with a person's own access_token.
  kOauthApi,
  // A phone code, with an app access_token.
  kPhoneCode,
  // An app access_token, with the app secret.
  kTokenEndpoint,
  // Anything else with an app access_token.
  kApi,
};

// Whether the table has a row for it.
bool IsKnownErrcode(int64_t errcode);

// The error of an answer with a non-zero errcode. Carries errcode, rid (unless
// empty) and, for limits, when they end as seen from `now`. WeChat's own text
// does not go in.
absl::Status ErrcodeError(int64_t errcode, absl::string_view rid,
                          ErrcodeContext context, absl::Time now);

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_ERRCODE_H_

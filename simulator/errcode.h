#ifndef WXIDENT_SIMULATOR_ERRCODE_H_
#define WXIDENT_SIMULATOR_ERRCODE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace wxident::simulator {

// WeChat's error codes that the endpoints themselves give. Faults may give any.
enum Errcode : int {
  kOk = 0,
  kInvalidCredential = 40001,
  kInvalidGrantType = 40002,
  kInvalidOpenid = 40003,
  kInvalidAppid = 40013,
  kInvalidAccessToken = 40014,
  kInvalidCode = 40029,
  kInvalidRefreshToken = 40030,
  kInvalidOpenidListSize = 40032,
  kInvalidParameter = 40035,
  kInvalidArgs = 40097,
  kCodeUsed = 40163,
  kIpNotInWhitelist = 40164,
  kCodeBlocked = 40226,
  kSecretFrozen = 40243,
  kTokenMissing = 41001,
  kAppidMissing = 41002,
  kRefreshTokenMissing = 41003,
  kSecretMissing = 41004,
  kCodeMissing = 41008,
  kOpenidMissing = 41009,
  kTokenExpired = 42001,
  kRefreshTokenExpired = 42002,
  kPasswordChanged = 42007,
  kGetRequired = 43001,
  kPostRequired = 43002,
  kEmptyBody = 44002,
  kSecondQuota = 44990,
  kDayQuota = 45009,
  kMinuteQuota = 45011,
  kBodyNotJson = 47001,
  kApiUnauthorized = 48001,
  kApiForbidden = 48004,
  kNoMoreClears = 48006,
  kRidNotFound = 76001,
  kBadRid = 76002,
  kRidOrPathNotPermitted = 76003,
  kPathNotFound = 76021,
  kPathNotPermitted = 76022,
  kSessionKeyExpired = 87007,
  kInvalidSigMethod = 87008,
  kInvalidSignature = 87009,
};

// What WeChat writes before the rid; "error" for a code that is not known.
absl::string_view ErrcodeText(int errcode);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_ERRCODE_H_

#include "server/wechat/wechat_api.h"

#include "gtest/gtest.h"
#include "server/identity/error.h"
#include "server/wechat/errcode.h"

namespace wxident {
namespace {

bool Refused(int errcode, ErrcodeContext context) {
  return IsTokenRefused(ErrcodeError(errcode, "", context, absl::UnixEpoch()));
}

TEST(IsTokenRefusedTest, KnowsTheThreeErrcodesOfAToken) {
  for (ErrcodeContext context :
       {ErrcodeContext::kApi, ErrcodeContext::kOauthApi,
        ErrcodeContext::kPhoneCode}) {
    for (int errcode : {40001, 40014, 42001})
      EXPECT_TRUE(Refused(errcode, context)) << errcode;
    for (int errcode : {-1, 40003, 40013, 40029, 40163, 41001, 42002, 42007,
                        48001, 87009, 12345})
      EXPECT_FALSE(Refused(errcode, context)) << errcode;
  }
}

TEST(IsTokenRefusedTest, AWrongAppSecretIsNoRefusedToken) {
  EXPECT_FALSE(Refused(40001, ErrcodeContext::kTokenEndpoint));
  EXPECT_FALSE(Refused(40001, ErrcodeContext::kCodeExchange));
  EXPECT_FALSE(Refused(40001, ErrcodeContext::kOauthCode));
}

TEST(IsTokenRefusedTest, OtherStatusesAreNot) {
  EXPECT_FALSE(IsTokenRefused(absl::OkStatus()));
  EXPECT_FALSE(IsTokenRefused(absl::UnavailableError("40001")));
  EXPECT_FALSE(IsTokenRefused(
      Error(Reason::kWechatBadResponse, "errcode 40001").ToStatus()));
}

TEST(IsCodeUsedTest, KnowsTheErrcodeOfACodeThatWasSent) {
  const auto used = [](int errcode, ErrcodeContext context) {
    return IsCodeUsed(ErrcodeError(errcode, "", context, absl::UnixEpoch()));
  };
  EXPECT_TRUE(used(40163, ErrcodeContext::kCodeExchange));
  EXPECT_TRUE(used(40163, ErrcodeContext::kOauthCode));
  EXPECT_FALSE(used(40163, ErrcodeContext::kTokenEndpoint));
  EXPECT_FALSE(used(40029, ErrcodeContext::kCodeExchange));
  EXPECT_FALSE(IsCodeUsed(absl::OkStatus()));
  // Our own: WeChat was not asked.
  EXPECT_FALSE(
      IsCodeUsed(Error(Reason::kLoginCodeConsumed, "used").ToStatus()));
}

TEST(IsOpenidRefusedTest, KnowsItsErrcode) {
  const auto refused = [](int errcode) {
    return IsOpenidRefused(
        ErrcodeError(errcode, "", ErrcodeContext::kApi, absl::UnixEpoch()));
  };
  EXPECT_TRUE(refused(40003));
  EXPECT_FALSE(refused(40032));
  EXPECT_FALSE(IsOpenidRefused(absl::OkStatus()));
  EXPECT_FALSE(
      IsOpenidRefused(Error(Reason::kRequestInvalid, "openid").ToStatus()));
}

}  // namespace
}  // namespace wxident

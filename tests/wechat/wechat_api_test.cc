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

}  // namespace
}  // namespace wxident

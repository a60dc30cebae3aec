#include "simulator/errcode.h"

#include <gtest/gtest.h>

namespace wxident::simulator {
namespace {

TEST(Errcode, HasATextForWhatEndpointsGive) {
  for (int errcode : {kInvalidCredential, kCodeUsed, kDayQuota,
                      kInvalidSignature, kEmptyBody, kApiForbidden})
    EXPECT_NE(ErrcodeText(errcode), "error") << errcode;
  EXPECT_EQ(ErrcodeText(40029), "invalid code");
  EXPECT_EQ(ErrcodeText(123456), "error");
}

}  // namespace
}  // namespace wxident::simulator

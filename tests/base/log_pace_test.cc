#include "server/base/log_pace.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

TEST(LogPaceTest, EachThingOnceASecond) {
  LogPace pace;
  absl::Duration now = absl::Hours(1);
  EXPECT_TRUE(pace.MayLog("frames", now));
  EXPECT_FALSE(pace.MayLog("frames", now + absl::Milliseconds(999)));
  EXPECT_TRUE(pace.MayLog("resets", now));
  EXPECT_TRUE(pace.MayLog("frames", now + absl::Seconds(1)));
}

TEST(LogPaceTest, ThingsThereIsNoRoomForAreOne) {
  LogPace pace;
  const absl::Duration now = absl::Hours(1);
  int logged = 0;
  for (int i = 0; i < 10'000; ++i)
    if (pace.MayLog(absl::StrCat(i), now)) ++logged;
  EXPECT_LT(logged, 100);
  EXPECT_FALSE(pace.MayLog("another", now));
  EXPECT_TRUE(pace.MayLog("another", now + absl::Seconds(1)));
  EXPECT_TRUE(pace.MayLog("1", now + absl::Seconds(1)));
}

}  // namespace
}  // namespace wxident

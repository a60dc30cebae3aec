#include "server/base/wall_clocks.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/base/captured_log.h"
#include "tests/base/fake_clock.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using Whose = WallClocks::Whose;

class WallClocksTest : public ::testing::Test {
 protected:
  // What is logged when one of the others' clocks is `ahead` of ours.
  std::string See(Whose whose, absl::Duration ahead) {
    clock_.Advance(absl::Seconds(10));
    return LoggedBy([&] { clocks_.Observe(whose, clock_.Now() + ahead); });
  }

  FakeClock clock_;
  Metrics metrics_;
  WallClocks clocks_{clock_, metrics_};
};

TEST_F(WallClocksTest, AChangeIsLoggedOnce) {
  EXPECT_EQ(See(Whose::kWechat, absl::Seconds(-30)), "");
  const std::string off = See(Whose::kWechat, absl::Minutes(10));
  EXPECT_THAT(off, HasSubstr("\"clock_skew\""));
  EXPECT_THAT(off, HasSubstr("warning"));
  EXPECT_THAT(off, HasSubstr(R"("against":"wechat")"));
  EXPECT_THAT(off, HasSubstr(R"("skew":"-10m")"));
  EXPECT_EQ(See(Whose::kWechat, absl::Minutes(10)), "");
  EXPECT_EQ(See(Whose::kWechat, absl::Seconds(16)), "");
  EXPECT_THAT(See(Whose::kWechat, absl::Seconds(15)),
              HasSubstr("clock_skew_over"));
  EXPECT_EQ(See(Whose::kWechat, absl::Seconds(30)), "");
  EXPECT_THAT(See(Whose::kWechat, absl::Seconds(-31)),
              HasSubstr(R"("skew":"31s")"));
}

TEST_F(WallClocksTest, EachIsComparedByItself) {
  EXPECT_THAT(See(Whose::kDatabase, absl::Minutes(-5)),
              HasSubstr(R"("against":"database")"));
  EXPECT_EQ(See(Whose::kWechat, absl::ZeroDuration()), "");
  EXPECT_THAT(
      metrics_.Text(),
      HasSubstr("wxident_clock_skew_seconds{against=\"database\"} 300"));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("wxident_clock_skew_seconds{against=\"wechat\"} 0"));
}

TEST_F(WallClocksTest, OneAnswerInTenSecondsIsLookedAt) {
  EXPECT_EQ(See(Whose::kWechat, absl::ZeroDuration()), "");
  const std::string logged = LoggedBy([this] {
    for (int i = 0; i < 9; ++i) {
      clock_.Advance(absl::Seconds(1));
      clocks_.Observe(Whose::kWechat, clock_.Now() + absl::Hours(1));
    }
  });
  EXPECT_EQ(logged, "");
  EXPECT_EQ(clocks_.WechatTime(), clock_.Now());
}

TEST_F(WallClocksTest, WechatsTimeIsCountedOnFromItsLastAnswer) {
  EXPECT_EQ(clocks_.WechatTime(), clock_.Now());
  clocks_.Observe(Whose::kDatabase, clock_.Now() + absl::Minutes(1));
  EXPECT_EQ(clocks_.WechatTime(), clock_.Now() + absl::Minutes(1));
  clocks_.Observe(Whose::kWechat, clock_.Now() + absl::Minutes(10));
  const absl::Time told = clock_.Now() + absl::Minutes(10);
  // Whoever sets our clock right or wrong.
  clock_.StepWallClock(absl::Minutes(10));
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(clocks_.WechatTime(), told + absl::Seconds(5));
}

}  // namespace
}  // namespace wxident

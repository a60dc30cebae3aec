#include "server/base/metrics.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, WritesPrometheusText) {
  Metrics metrics;
  metrics.Count("wxident_things_total", {{"kind", "a\"b"}});
  metrics.Count("wxident_things_total", {{"kind", "a\"b"}}, 2);
  metrics.Set("wxident_level", {}, 1.5);
  metrics.Add("wxident_streams", {}, 3);
  metrics.Add("wxident_streams", {}, -1);
  metrics.Observe("wxident_wait_seconds", {{"who", "x"}},
                  absl::Milliseconds(3));
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("wxident_things_total{kind=\"a\\\"b\"} 3"));
  EXPECT_THAT(text, HasSubstr("wxident_level 1.5"));
  EXPECT_THAT(text, HasSubstr("wxident_streams 2"));
  EXPECT_THAT(
      text,
      HasSubstr("wxident_wait_seconds_bucket{who=\"x\",le=\"0.0025\"} 0"));
  EXPECT_THAT(
      text, HasSubstr("wxident_wait_seconds_bucket{who=\"x\",le=\"0.005\"} 1"));
  EXPECT_THAT(text, HasSubstr("wxident_wait_seconds_count{who=\"x\"} 1"));
}

}  // namespace
}  // namespace wxident

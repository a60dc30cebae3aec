#include "server/base/metrics.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
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

TEST(MetricsTest, ASeriesAtHandIsTheOneOfThatName) {
  Metrics metrics;
  Metrics::Counter& counter =
      metrics.CounterOf("wxident_things_total", {{"kind", "a"}});
  Timing& timing =
      metrics.TimingOf("wxident_wait_seconds", {{"who", "x"}, {"how", "y"}});
  EXPECT_THAT(metrics.Text(),
              HasSubstr("\nwxident_things_total{kind=\"a\"} 0"));
  counter.Add(2);
  metrics.Count("wxident_things_total", {{"kind", "a"}});
  timing.Observe(absl::Milliseconds(20));
  metrics.Observe("wxident_wait_seconds", {{"how", "y"}, {"who", "x"}},
                  absl::Seconds(11));
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("\nwxident_things_total{kind=\"a\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("\n# TYPE wxident_wait_seconds histogram\n"));
  const std::string labels = "{how=\"y\",who=\"x\"";
  for (const char* line : {"bucket,le=\"0.01\"} 0", "bucket,le=\"0.025\"} 1",
                           "bucket,le=\"10\"} 1", "bucket,le=\"+Inf\"} 2",
                           "count} 2", "sum} 11.02"}) {
    std::string expected = line;
    const size_t end = expected.find_first_of(",}");
    expected.insert(end, labels);
    EXPECT_THAT(text, HasSubstr(absl::StrCat("\nwxident_wait_seconds_",
                                             expected, "\n")));
  }
}

TEST(MetricsTest, AMeasureThatIsABoundIsWithinIt) {
  Timing timing;
  timing.Observe(absl::Microseconds(500));
  timing.Observe(absl::Microseconds(500) + absl::Nanoseconds(1));
  timing.Observe(absl::ZeroDuration());
  timing.Observe(absl::Seconds(10));
  EXPECT_EQ(timing.count(0), 2);
  EXPECT_EQ(timing.count(1), 1);
  EXPECT_EQ(timing.count(13), 1);
  EXPECT_EQ(timing.count(14), 0);
}

TEST(MetricsTest, RacersLoseNothing) {
  Metrics metrics;
  std::vector<std::thread> racers;
  for (int racer = 0; racer < 4; ++racer)
    racers.emplace_back([&] {
      Timing& timing = metrics.TimingOf("wxident_wait_seconds", {});
      for (int i = 0; i < 1000; ++i) {
        timing.Observe(absl::Milliseconds(3));
        metrics.CounterOf("wxident_things_total", {}).Add(1);
        if (i % 100 == 0) (void)metrics.Text();
      }
    });
  for (std::thread& racer : racers) racer.join();
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("\nwxident_wait_seconds_count 4000\n"));
  EXPECT_THAT(text, HasSubstr("\nwxident_wait_seconds_sum 12\n"));
  EXPECT_THAT(text, HasSubstr("\nwxident_things_total 4000\n"));
}

}  // namespace
}  // namespace wxident

#include "server/base/timings.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/time/time.h"

namespace wxident {
namespace {

prometheus::ClientMetric::Histogram HistogramOf(const Timing& timing) {
  prometheus::ClientMetric::Histogram histogram;
  uint64_t count = 0;
  for (size_t i = 0; i < Timing::kBuckets; ++i) {
    count += timing.count(i);
    prometheus::ClientMetric::Bucket bucket;
    bucket.cumulative_count = count;
    bucket.upper_bound = i < Timing::kBounds.size()
                             ? static_cast<double>(Timing::kBounds[i]) / 1e6
                             : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back(bucket);
  }
  histogram.sample_count = count;
  histogram.sample_sum = absl::ToDoubleSeconds(timing.sum());
  return histogram;
}

}  // namespace

Timing& Timings::Get(const std::string& name,
                     const prometheus::Labels& labels) {
  MutexLock lock(mutex_);
  std::unique_ptr<Timing>& timing = series_[name][labels];
  if (timing == nullptr) timing = std::make_unique<Timing>();
  return *timing;
}

std::vector<prometheus::MetricFamily> Timings::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  MutexLock lock(mutex_);
  for (const auto& [name, all] : series_) {
    prometheus::MetricFamily family;
    family.name = name;
    family.type = prometheus::MetricType::Histogram;
    for (const auto& [labels, timing] : all) {
      prometheus::ClientMetric metric;
      for (const auto& [label, value] : labels)
        metric.label.push_back({label, value});
      metric.histogram = HistogramOf(*timing);
      family.metric.push_back(std::move(metric));
    }
    families.push_back(std::move(family));
  }
  return families;
}

}  // namespace wxident

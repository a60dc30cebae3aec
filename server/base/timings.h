#ifndef WXIDENT_SERVER_BASE_TIMINGS_H_
#define WXIDENT_SERVER_BASE_TIMINGS_H_

#include <prometheus/collectable.h>
#include <prometheus/labels.h>
#include <prometheus/metric_family.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/base/timing.h"

namespace wxident {

// All timings of a process, as Prometheus' histograms. prometheus-cpp's own
// take a lock for each measure. Thread-safe.
class Timings final : public prometheus::Collectable {
 public:
  // The one of that name with these labels; it lives as long as this.
  Timing& Get(const std::string& name, const prometheus::Labels& labels);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  mutable Mutex mutex_;
  // By name, then by labels.
  std::map<std::string, std::map<prometheus::Labels, std::unique_ptr<Timing>>>
      series_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_TIMINGS_H_

#ifndef WXIDENT_SERVER_BASE_METRICS_H_
#define WXIDENT_SERVER_BASE_METRICS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/base/timing.h"

namespace wxident {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// The process's Prometheus metrics. Names carry the prefix "wxident_" and base
// units; labels never hold a user, token or code, and have few values.
// Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  void Count(const std::string& name, const MetricLabels& labels,
             double by = 1);
  void Set(const std::string& name, const MetricLabels& labels, double value);
  // Moves what Set sets, from 0.
  void Add(const std::string& name, const MetricLabels& labels, double by);
  // Into buckets from 0.5 ms to 10 s.
  void Observe(const std::string& name, const MetricLabels& labels,
               absl::Duration took);

  // For who counts or measures with each call: the same series, looked up once,
  // then used without a lock. They live as long as the Metrics. Counters and
  // timings are there, with 0, from then on.
  class Counter {
   public:
    virtual ~Counter() = default;
    virtual void Add(double by) = 0;
  };
  Counter& CounterOf(const std::string& name, const MetricLabels& labels);
  Timing& TimingOf(const std::string& name, const MetricLabels& labels);

  // Returns all series in Prometheus' text format, with
  // wxident_log_dropped_total of the whole process (see log.h).
  std::string Text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_METRICS_H_

#include "server/base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/timings.h"

namespace wxident {
namespace {

prometheus::Labels ToLabels(const MetricLabels& labels) {
  return {labels.begin(), labels.end()};
}

// Of the process, whose log knows of no Metrics.
prometheus::MetricFamily DroppedLines() {
  prometheus::MetricFamily family;
  family.name = "wxident_log_dropped_total";
  family.type = prometheus::MetricType::Counter;
  family.metric.emplace_back().counter.value =
      static_cast<double>(DroppedLogLines());
  return family;
}

class KnownCounter final : public Metrics::Counter {
 public:
  explicit KnownCounter(prometheus::Counter& counter) : counter_(counter) {}
  void Add(double by) override { counter_.Increment(by); }

 private:
  prometheus::Counter& counter_;
};

}  // namespace

// Finding a series in prometheus-cpp walks lists under a lock; here it is one
// look into a map that is hardly ever written.
struct Metrics::State {
  template <typename Series>
  class Found {
   public:
    // `make` registers the series when it is new.
    template <typename Make>
    Series& Get(const std::string& name, const MetricLabels& labels,
                Make make) {
      std::string key = name;
      for (const auto& [label, value] : labels)
        absl::StrAppend(&key, "\n", label, "=", value);
      {
        std::shared_lock<std::shared_mutex> lock(mutex_);
        auto found = series_.find(key);
        if (found != series_.end()) return *found->second;
      }
      std::unique_lock<std::shared_mutex> lock(mutex_);
      Series*& found = series_[key];
      if (found == nullptr) found = &make();
      return *found;
    }

   private:
    std::shared_mutex mutex_;
    std::unordered_map<std::string, Series*> series_;
  };

  Counter& CounterOf(const std::string& name, const MetricLabels& labels) {
    return counters.Get(name, labels, [&]() -> Counter& {
      return *known.emplace_back(std::make_unique<KnownCounter>(
          prometheus::BuildCounter().Name(name).Register(*registry).Add(
              ToLabels(labels))));
    });
  }
  prometheus::Gauge& GaugeOf(const std::string& name,
                             const MetricLabels& labels) {
    return gauges.Get(name, labels, [&]() -> prometheus::Gauge& {
      return prometheus::BuildGauge().Name(name).Register(*registry).Add(
          ToLabels(labels));
    });
  }
  Timing& TimingOf(const std::string& name, const MetricLabels& labels) {
    return timings.Get(name, labels, [&]() -> Timing& {
      return histograms->Get(name, ToLabels(labels));
    });
  }

  const std::shared_ptr<prometheus::Registry> registry =
      std::make_shared<prometheus::Registry>();
  const std::shared_ptr<Timings> histograms = std::make_shared<Timings>();
  // Of `counters`, and guarded by its lock.
  std::vector<std::unique_ptr<Counter>> known;
  Found<Counter> counters;
  Found<prometheus::Gauge> gauges;
  Found<Timing> timings;
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::Count(const std::string& name, const MetricLabels& labels,
                    double by) {
  state_->CounterOf(name, labels).Add(by);
}

void Metrics::Set(const std::string& name, const MetricLabels& labels,
                  double value) {
  state_->GaugeOf(name, labels).Set(value);
}

void Metrics::Add(const std::string& name, const MetricLabels& labels,
                  double by) {
  state_->GaugeOf(name, labels).Increment(by);
}

void Metrics::Observe(const std::string& name, const MetricLabels& labels,
                      absl::Duration took) {
  state_->TimingOf(name, labels).Observe(took);
}

Metrics::Counter& Metrics::CounterOf(const std::string& name,
                                     const MetricLabels& labels) {
  return state_->CounterOf(name, labels);
}

Timing& Metrics::TimingOf(const std::string& name, const MetricLabels& labels) {
  return state_->TimingOf(name, labels);
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> all = state_->registry->Collect();
  for (prometheus::MetricFamily& family : state_->histograms->Collect())
    all.push_back(std::move(family));
  all.push_back(DroppedLines());
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace wxident

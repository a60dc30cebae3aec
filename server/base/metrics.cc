#include "server/base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

prometheus::Labels ToLabels(const MetricLabels& labels) {
  return {labels.begin(), labels.end()};
}

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

  prometheus::Gauge& Gauge(const std::string& name,
                           const MetricLabels& labels) {
    return gauges.Get(name, labels, [&]() -> prometheus::Gauge& {
      return prometheus::BuildGauge().Name(name).Register(*registry).Add(
          ToLabels(labels));
    });
  }

  std::shared_ptr<prometheus::Registry> registry =
      std::make_shared<prometheus::Registry>();
  Found<prometheus::Counter> counters;
  Found<prometheus::Gauge> gauges;
  Found<prometheus::Histogram> histograms;
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::Count(const std::string& name, const MetricLabels& labels,
                    double by) {
  state_->counters
      .Get(name, labels,
           [&]() -> prometheus::Counter& {
             return prometheus::BuildCounter()
                 .Name(name)
                 .Register(*state_->registry)
                 .Add(ToLabels(labels));
           })
      .Increment(by);
}

void Metrics::Set(const std::string& name, const MetricLabels& labels,
                  double value) {
  state_->Gauge(name, labels).Set(value);
}

void Metrics::Add(const std::string& name, const MetricLabels& labels,
                  double by) {
  state_->Gauge(name, labels).Increment(by);
}

void Metrics::Observe(const std::string& name, const MetricLabels& labels,
                      absl::Duration took) {
  state_->histograms
      .Get(name, labels,
           [&]() -> prometheus::Histogram& {
             return prometheus::BuildHistogram()
                 .Name(name)
                 .Register(*state_->registry)
                 .Add(ToLabels(labels),
                      prometheus::Histogram::BucketBoundaries{
                          0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                          0.25, 0.5, 1, 2.5, 5, 10});
           })
      .Observe(absl::ToDoubleSeconds(took));
}

std::string Metrics::Text() const {
  return prometheus::TextSerializer().Serialize(state_->registry->Collect());
}

}  // namespace wxident

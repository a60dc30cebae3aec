#ifndef WXIDENT_SERVER_BASE_TIMING_H_
#define WXIDENT_SERVER_BASE_TIMING_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace wxident {

// How long something took, each time: how often in each bucket from 0.5 ms to
// 10 s, and the sum. Thread-safe, without locks; a reader may find a measure in
// its bucket a moment before it is in the sum.
class Timing {
 public:
  // The buckets' upper bounds, in microseconds; one more takes what is above.
  static constexpr std::array<int64_t, 14> kBounds = {
      500,     1'000,   2'500,   5'000,     10'000,    25'000,    50'000,
      100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};
  static constexpr size_t kBuckets = kBounds.size() + 1;

  void Observe(absl::Duration took) {
    const int64_t ns = absl::ToInt64Nanoseconds(took);
    size_t bucket = 0;
    while (bucket < kBounds.size() && ns > kBounds[bucket] * 1'000) ++bucket;
    counts_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(ns, std::memory_order_relaxed);
  }

  // How often it was in this bucket, and no lower one.
  uint64_t count(size_t bucket) const {
    return counts_[bucket].load(std::memory_order_relaxed);
  }
  absl::Duration sum() const {
    return absl::Nanoseconds(sum_ns_.load(std::memory_order_relaxed));
  }

 private:
  std::array<std::atomic<uint64_t>, kBuckets> counts_{};
  std::atomic<int64_t> sum_ns_{0};
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_TIMING_H_

#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_FLIGHTS_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_FLIGHTS_H_

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace wxident::client {

// A moment that a change of the wall clock does not move.
using Instant = std::chrono::steady_clock::time_point;

inline Instant InstantAfter(absl::Duration wait) {
  // Far enough, and added without overflow.
  if (wait > absl::Hours(24 * 365)) wait = absl::Hours(24 * 365);
  return std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(wait);
}

inline absl::Duration LeftUntil(Instant end) {
  return absl::FromChrono(end - std::chrono::steady_clock::now());
}

// Calls under way, by key: who wants the same thing at the same moment shares
// one. Thread-safe.
template <typename Answer>
class Flights {
 public:
  // Calls `ask`, which must end at `end`, or waits for who does that already.
  // When the other one had less time, and used it up, it is this one's turn.
  template <typename Ask>
  absl::StatusOr<Answer> Share(const std::string& key, Instant end,
                               const Ask& ask) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      auto [found, leads] = under_way_.try_emplace(key);
      if (leads) {
        const auto flight = found->second = std::make_shared<Flight>();
        lock.unlock();
        absl::StatusOr<Answer> answer = ask();
        lock.lock();
        under_way_.erase(key);
        flight->answer = answer;
        flight->landed.notify_all();
        return answer;
      }
      const std::shared_ptr<Flight> flight = found->second;
      ++waiting_;
      const bool landed = flight->landed.wait_until(
          lock, end, [&] { return flight->answer.has_value(); });
      --waiting_;
      if (!landed)
        return absl::DeadlineExceededError(
            "no answer from wxident in time; try again, or allow more time");
      if (!absl::IsDeadlineExceeded(flight->answer->status()))
        return *flight->answer;
    }
  }

  // How many wait for another one's call.
  int waiting() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return waiting_;
  }

 private:
  struct Flight {
    std::optional<absl::StatusOr<Answer>> answer;
    std::condition_variable landed;
  };

  mutable std::mutex mutex_;
  int waiting_ = 0;
  std::unordered_map<std::string, std::shared_ptr<Flight>> under_way_;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_FLIGHTS_H_

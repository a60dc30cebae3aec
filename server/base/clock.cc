#include "server/base/clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace wxident {
namespace {

class MachineClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }
  absl::Duration Monotonic() override {
    return absl::FromChrono(
        std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace

Clock& SystemClock() {
  static MachineClock& clock = *new MachineClock;
  return clock;
}

}  // namespace wxident

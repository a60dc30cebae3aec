#include "server/wechat/hosts.h"

#include <utility>

#include "server/base/backoff.h"

namespace wxident {
namespace {

constexpr Backoff kBackoff = {absl::Seconds(1), absl::Seconds(60)};
// How long others wait for what the request that tries a host again learns;
// more than connecting may take.
constexpr absl::Duration kTrialTime = absl::Seconds(5);

}  // namespace

Hosts::Hosts(std::vector<std::string> base_urls, Clock& clock)
    : urls_(std::move(base_urls)), clock_(clock), states_(urls_.size()) {}

std::optional<Hosts::Pick> Hosts::Choose(const std::set<size_t>& tried) {
  const absl::Duration now = clock_.Monotonic();
  MutexLock lock(mutex_);
  std::optional<size_t> best;
  for (size_t i = 0; i < states_.size(); ++i) {
    if (tried.count(i) != 0) continue;
    if (states_[i].left_alone_until <= now) {
      best = i;
      break;
    }
    if (!best.has_value() ||
        states_[i].left_alone_until < states_[*best].left_alone_until)
      best = i;
  }
  if (!best.has_value()) return std::nullopt;
  State& state = states_[*best];
  if (state.failures > 0 && state.left_alone_until <= now)
    state.left_alone_until = now + kTrialTime;
  return Pick{*best, state.epoch};
}

void Hosts::Unreachable(const Pick& pick) {
  const absl::Duration now = clock_.Monotonic();
  MutexLock lock(mutex_);
  State& state = states_[pick.index];
  if (state.epoch != pick.epoch) return;
  ++state.epoch;
  state.left_alone_until = now + kBackoff.PauseAfter(state.failures++);
}

void Hosts::Reached(const Pick& pick) {
  MutexLock lock(mutex_);
  State& state = states_[pick.index];
  if (state.failures == 0 || state.epoch != pick.epoch) return;
  state = State{0, state.epoch + 1, -absl::InfiniteDuration()};
}

}  // namespace wxident

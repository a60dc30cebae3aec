#include "server/access/access_control.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/identity/error.h"

namespace wxident {

struct Admission::Right {
  bool every_app = false;
  std::set<std::string, std::less<>> apps;

  bool Allows(absl::string_view app_id) const {
    return every_app || apps.find(app_id) != apps.end();
  }
};

namespace {

constexpr size_t kMaxCallers = 10'000;
// Callers with no right at all are remembered too, for that makes them cheap,
// but leave room for the others.
constexpr size_t kMaxStrangers = kMaxCallers / 2;
// How long a full table is left alone before callers at rest are looked for
// again: the search goes through all of it.
constexpr absl::Duration kSweepPause = absl::Seconds(1);
// When one of the caller's own calls ends cannot be known.
constexpr absl::Duration kConcurrencyPause = absl::Milliseconds(100);
// Of a call: what sums of fractions may be off by.
constexpr double kRounding = 1e-6;

// What one policy says of one caller.
struct Rights {
  std::map<std::string, Admission::Right, std::less<>> methods;
  // All zero: none.
  Policy::Limit limit;

  bool empty() const {
    return methods.empty() && limit.rate == 0 && limit.concurrency == 0;
  }
};

// Why a caller was not admitted.
struct Refusal {
  // "rate", "concurrency", "callers"; empty: it has no right.
  absl::string_view limit;
  std::string pattern;
  absl::Duration wait;
};

}  // namespace

// Guarded by the lock of Tables, but for `running`.
struct Admission::Usage {
  // Of which policy `rights` are; Tables counts policies from 1.
  int64_t policy = 0;
  std::shared_ptr<const Rights> rights;
  // Calls that count against the burst at `at`; each second takes `rate` of
  // them away.
  double used = 0;
  absl::Duration at;
  // Rises under the lock only.
  std::atomic<int> running{0};

  void Drain(absl::Duration now) {
    if (now <= at) return;
    used = std::max(
        0.0, used - rights->limit.rate * absl::ToDoubleSeconds(now - at));
    at = now;
  }
};

Admission::Admission(std::shared_ptr<Usage> usage,
                     std::shared_ptr<const Right> right)
    : usage_(std::move(usage)), right_(std::move(right)) {}

Admission& Admission::operator=(Admission&& other) noexcept {
  std::swap(usage_, other.usage_);
  std::swap(right_, other.right_);
  return *this;
}

Admission::~Admission() {
  if (usage_ != nullptr) usage_->running.fetch_sub(1);
}

bool Admission::Allows(absl::string_view app_id) const {
  return right_ != nullptr && right_->Allows(app_id);
}

bool Admission::AllowsEveryApp() const {
  return right_ != nullptr && right_->every_app;
}

struct AccessControl::Tables {
  using Usage = Admission::Usage;

  Tables(Policy policy, Clock& clock, Metrics& metrics)
      : clock(clock), metrics(metrics), policy(std::move(policy)) {}

  Clock& clock;
  Metrics& metrics;
  std::mutex mutex;
  Policy policy;
  int64_t policy_number = 1;
  std::unordered_map<std::string, std::shared_ptr<Usage>> callers;
  absl::Duration next_sweep;
  std::map<const Listener*, std::shared_ptr<Listener>> listeners;

  // All of these with the lock held.

  std::shared_ptr<const Rights> Resolve(const std::string& caller) const {
    auto rights = std::make_shared<Rights>();
    for (const Policy::Row& row : policy.allow) {
      if (!Policy::Fits(row.caller, caller)) continue;
      for (const std::string& method : row.methods) {
        Admission::Right& right = rights->methods[method];
        right.every_app |= row.apps.empty();
        right.apps.insert(row.apps.begin(), row.apps.end());
      }
    }
    for (const Policy::Limit& limit : policy.limits) {
      if (!Policy::Fits(limit.caller, caller)) continue;
      rights->limit = limit;
      break;
    }
    return rights;
  }

  void Renew(const std::string& caller, Usage& usage,
             absl::Duration now) const {
    if (usage.policy == policy_number) return;
    usage.Drain(now);
    usage.rights = Resolve(caller);
    usage.policy = policy_number;
    if (usage.rights->limit.rate == 0) usage.used = 0;
  }

  // nullptr: there is no room for one more.
  std::shared_ptr<Usage> Add(const std::string& caller,
                             std::shared_ptr<const Rights> rights,
                             absl::Duration now) {
    if (callers.size() >= kMaxCallers && now >= next_sweep) Sweep(now);
    if (callers.size() >= kMaxCallers) return nullptr;
    auto usage = std::make_shared<Usage>();
    usage->policy = policy_number;
    usage->rights = std::move(rights);
    usage->at = now;
    callers.emplace(caller, usage);
    return usage;
  }

  void Sweep(absl::Duration now) {
    next_sweep = now + kSweepPause;
    for (auto it = callers.begin(); it != callers.end();) {
      it->second->Drain(now);
      const bool at_rest =
          it->second->used == 0 && it->second->running.load() == 0;
      it = at_rest ? callers.erase(it) : std::next(it);
    }
  }

  // Takes one call from the caller's limits; false when they are used up.
  static bool Take(Usage& usage, absl::Duration now, Refusal& refusal) {
    const Policy::Limit& limit = usage.rights->limit;
    if (limit.rate > 0) {
      usage.Drain(now);
      const double over = usage.used + 1 - limit.burst;
      if (over > kRounding) {
        refusal = {"rate", limit.caller,
                   absl::Ceil(absl::Seconds(over / limit.rate),
                              absl::Milliseconds(1))};
        return false;
      }
      usage.used += 1;
    }
    if (limit.concurrency > 0 && usage.running.load() >= limit.concurrency) {
      refusal = {"concurrency", limit.caller, kConcurrencyPause};
      return false;
    }
    return true;
  }

  std::optional<Admission> Admit(const std::string& caller,
                                 absl::string_view method, absl::Duration now,
                                 Refusal& refusal) {
    const auto found = callers.find(caller);
    std::shared_ptr<Usage> usage;
    if (found != callers.end()) {
      usage = found->second;
      Renew(caller, *usage, now);
    } else {
      std::shared_ptr<const Rights> rights = Resolve(caller);
      if (rights->empty() && callers.size() >= kMaxStrangers)
        return std::nullopt;
      usage = Add(caller, std::move(rights), now);
      if (usage == nullptr) {
        refusal = {"callers", "", kSweepPause};
        return std::nullopt;
      }
    }
    if (!Take(*usage, now, refusal)) return std::nullopt;
    const auto& methods = usage->rights->methods;
    const auto right = methods.find(method);
    if (right == methods.end()) return std::nullopt;
    usage->running.fetch_add(1);
    // Lives as long as the rights it is part of.
    std::shared_ptr<const Admission::Right> shared(usage->rights,
                                                   &right->second);
    return Admission(std::move(usage), std::move(shared));
  }
};

AccessControl::AccessControl(Policy policy, Clock& clock, Metrics& metrics)
    : tables_(std::make_unique<Tables>(std::move(policy), clock, metrics)) {}

AccessControl::~AccessControl() = default;

void AccessControl::Replace(Policy policy) {
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    std::lock_guard<std::mutex> lock(tables_->mutex);
    std::swap(tables_->policy, policy);
    ++tables_->policy_number;
    listeners.reserve(tables_->listeners.size());
    for (const auto& [key, listener] : tables_->listeners)
      listeners.push_back(listener);
  }
  for (const std::shared_ptr<Listener>& listener : listeners)
    listener->OnPolicyReplaced();
}

absl::StatusOr<Admission> AccessControl::Admit(const std::string& caller,
                                               absl::string_view method) {
  const absl::Duration now = tables_->clock.Monotonic();
  Refusal refusal;
  {
    std::lock_guard<std::mutex> lock(tables_->mutex);
    std::optional<Admission> admission =
        tables_->Admit(caller, method, now, refusal);
    if (admission.has_value()) return *std::move(admission);
  }
  if (refusal.limit.empty()) return NotAllowedError();
  tables_->metrics.Count(
      "wxident_caller_limited_total",
      {{"caller", refusal.pattern}, {"limit", std::string(refusal.limit)}});
  return Error(Reason::kCallerRateLimited,
               "the calling service exceeds what the server's policy gives "
               "it; wait as long as retry_info says")
      .RetryAfter(refusal.wait)
      .ToStatus();
}

bool AccessControl::Allows(const std::string& caller, absl::string_view method,
                           absl::string_view app_id) {
  const absl::Duration now = tables_->clock.Monotonic();
  std::shared_ptr<const Rights> rights;
  {
    std::lock_guard<std::mutex> lock(tables_->mutex);
    const auto found = tables_->callers.find(caller);
    if (found == tables_->callers.end()) {
      rights = tables_->Resolve(caller);
    } else {
      tables_->Renew(caller, *found->second, now);
      rights = found->second->rights;
    }
  }
  const auto right = rights->methods.find(method);
  return right != rights->methods.end() && right->second.Allows(app_id);
}

void AccessControl::Listen(std::shared_ptr<Listener> listener) {
  const Listener* key = listener.get();
  std::lock_guard<std::mutex> lock(tables_->mutex);
  tables_->listeners.emplace(key, std::move(listener));
}

void AccessControl::Unlisten(const Listener& listener) {
  std::lock_guard<std::mutex> lock(tables_->mutex);
  tables_->listeners.erase(&listener);
}

absl::Status AccessControl::NotAllowedError() {
  return Error(Reason::kCallerNotAllowed,
               "the server's policy does not let the calling service do this; "
               "ask the operator for a row")
      .ToStatus();
}

}  // namespace wxident

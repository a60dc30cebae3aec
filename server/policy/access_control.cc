#include "server/policy/access_control.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/base/log.h"
#include "server/base/log_pace.h"
#include "server/base/token_bucket.h"
#include "server/identity/error.h"
#include "server/policy/caller_rights.h"

namespace wxident {

namespace {

constexpr size_t kMaxCallers = 10'000;
// Callers with no right at all are remembered too, for that makes them cheap,
// but leave room for the others.
constexpr size_t kMaxStrangers = kMaxCallers / 2;
// How long a full table is left alone before callers at rest are looked for
// again: the search goes through all of it.
constexpr absl::Duration kSweepPause = absl::Seconds(1);
// When one of the caller's own calls or streams ends cannot be known.
constexpr absl::Duration kConcurrencyPause = absl::Milliseconds(100);
constexpr absl::Duration kStreamPause = absl::Seconds(1);
// Streams of what needs no right, health's above all: each channel of a gRPC
// client opens one before its first call, and is unusable without it. So they
// have a rate of their own, in which all of a caller's channels may come back
// at once, and none that its calls could use up.
constexpr TokenBucket::Terms kOpenTerms = {
    .start = 2'000, .most = 2'000, .per_second = 200};

// Why a caller was not admitted.
struct Refusal {
  // "rate", "concurrency", "streams", "callers"; empty: it has no right.
  absl::string_view limit;
  std::string pattern;
  absl::Duration wait;
};

TokenBucket::Terms TermsOf(const Policy::Limit& limit) {
  return {.start = limit.burst, .most = limit.burst, .per_second = limit.rate};
}

}  // namespace

// Guarded by the lock of Tables, but for what is atomic.
struct Admission::Usage {
  // Of which policy `rights` are; Tables counts policies from 1.
  int64_t policy = 0;
  std::shared_ptr<const CallerRights> rights;
  TokenBucket calls{TokenBucket::Terms{}};
  TokenBucket opened{kOpenTerms};
  // These rise under the lock only: calls, streams, and the streams of all
  // callers.
  std::atomic<int> running{0};
  std::atomic<int> streams{0};
  std::shared_ptr<std::atomic<int>> all_streams;
};

Admission::Admission(std::shared_ptr<Usage> usage,
                     std::shared_ptr<const AppRight> right, bool is_stream)
    : usage_(std::move(usage)),
      right_(std::move(right)),
      is_stream_(is_stream) {}

Admission& Admission::operator=(Admission&& other) noexcept {
  std::swap(usage_, other.usage_);
  std::swap(right_, other.right_);
  std::swap(is_stream_, other.is_stream_);
  return *this;
}

Admission::~Admission() {
  if (usage_ == nullptr) return;
  if (!is_stream_) {
    usage_->running.fetch_sub(1);
    return;
  }
  usage_->streams.fetch_sub(1);
  usage_->all_streams->fetch_sub(1);
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
  LogPace log_pace;
  std::mutex mutex;
  Policy policy;
  int64_t policy_number = 1;
  std::unordered_map<std::string, std::shared_ptr<Usage>> callers;
  absl::Duration next_sweep;
  const std::shared_ptr<std::atomic<int>> streams =
      std::make_shared<std::atomic<int>>(0);
  std::map<const Listener*, std::shared_ptr<Listener>> listeners;

  // All of these with the lock held.

  void Renew(const std::string& caller, Usage& usage,
             absl::Duration now) const {
    if (usage.policy == policy_number) return;
    usage.rights = RightsOf(policy, caller);
    usage.policy = policy_number;
    const TokenBucket::Terms terms = TermsOf(usage.rights->limit);
    usage.calls.ChangeTerms(terms, now);
    // Without a limit nothing is spent.
    if (usage.rights->limit.rate == 0) usage.calls = TokenBucket(terms);
  }

  // nullptr: there is no room for one more.
  std::shared_ptr<Usage> Add(const std::string& caller,
                             std::shared_ptr<const CallerRights> rights,
                             absl::Duration now) {
    const size_t most = rights->IsStrangers() ? kMaxStrangers : kMaxCallers;
    if (callers.size() >= most && now >= next_sweep) Sweep(now);
    if (callers.size() >= most) return nullptr;
    auto usage = std::make_shared<Usage>();
    usage->all_streams = streams;
    usage->policy = policy_number;
    usage->rights = std::move(rights);
    usage->calls = TokenBucket(TermsOf(usage->rights->limit));
    callers.emplace(caller, usage);
    return usage;
  }

  void Sweep(absl::Duration now) {
    next_sweep = now + kSweepPause;
    for (auto it = callers.begin(); it != callers.end();) {
      const bool at_rest =
          it->second->calls.IsFull(now) && it->second->opened.IsFull(now) &&
          it->second->running.load() == 0 && it->second->streams.load() == 0;
      it = at_rest ? callers.erase(it) : std::next(it);
    }
  }

  // Takes one call from the caller's limits; false when they are used up.
  bool Take(Usage& usage, Kind kind, bool needs_right, absl::Duration now,
            Refusal& refusal) const {
    const Policy::Limit& limit = usage.rights->limit;
    TokenBucket* bucket = nullptr;
    if (kind == Kind::kStream && !needs_right)
      bucket = &usage.opened;
    else if (limit.rate > 0)
      bucket = &usage.calls;
    if (bucket != nullptr && !bucket->SpendOne(now)) {
      refusal = {"rate", limit.caller, bucket->UntilOne()};
      return false;
    }
    if (kind == Kind::kUnary && limit.concurrency > 0 &&
        usage.running.load() >= limit.concurrency) {
      refusal = {"concurrency", limit.caller, kConcurrencyPause};
      return false;
    }
    if (kind == Kind::kStream && (usage.streams.load() >= limit.streams ||
                                  streams->load() >= kMaxStreams)) {
      refusal = {"streams", limit.caller, kStreamPause};
      return false;
    }
    return true;
  }

  // What is known of the caller; nullptr: there is no room for one more.
  std::shared_ptr<Usage> UsageOf(const std::string& caller,
                                 absl::Duration now) {
    const auto found = callers.find(caller);
    if (found == callers.end())
      return Add(caller, RightsOf(policy, caller), now);
    Renew(caller, *found->second, now);
    return found->second;
  }

  static Admission Begin(std::shared_ptr<Usage> usage,
                         std::shared_ptr<const AppRight> right, Kind kind) {
    if (kind == Kind::kUnary) {
      usage->running.fetch_add(1);
    } else {
      usage->streams.fetch_add(1);
      usage->all_streams->fetch_add(1);
    }
    return Admission(std::move(usage), std::move(right), kind == Kind::kStream);
  }

  // `method` is nullopt for what needs no right.
  std::optional<Admission> Admit(const std::string& caller,
                                 std::optional<absl::string_view> method,
                                 Kind kind, absl::Duration now,
                                 Refusal& refusal) {
    std::shared_ptr<Usage> usage = UsageOf(caller, now);
    if (usage == nullptr) {
      // Strangers have no right, whether or not there is room for them.
      if (!method.has_value() || !RightsOf(policy, caller)->IsStrangers())
        refusal = {"callers", "", kSweepPause};
      return std::nullopt;
    }
    if (!Take(*usage, kind, method.has_value(), now, refusal))
      return std::nullopt;
    if (!method.has_value()) return Begin(std::move(usage), nullptr, kind);
    const auto& methods = usage->rights->methods;
    const auto right = methods.find(*method);
    if (right == methods.end()) return std::nullopt;
    // Lives as long as the rights it is part of.
    std::shared_ptr<const AppRight> shared(usage->rights, &right->second);
    return Begin(std::move(usage), std::move(shared), kind);
  }

  // The same with the lock taken here.
  absl::StatusOr<Admission> AdmitOrTell(const std::string& caller,
                                        std::optional<absl::string_view> method,
                                        Kind kind) {
    const absl::Duration now = clock.Monotonic();
    Refusal refusal;
    {
      std::lock_guard<std::mutex> lock(mutex);
      std::optional<Admission> admission =
          Admit(caller, method, kind, now, refusal);
      if (admission.has_value()) return *std::move(admission);
      if (refusal.limit.empty()) return NotAllowedError();
    }
    const std::string limit(refusal.limit);
    metrics.Count("wxident_caller_limited_total",
                  {{"caller", refusal.pattern}, {"limit", limit}});
    if (log_pace.MayLog(limit, now))
      Log(LogLevel::kWarning, "caller limited",
          {{"caller", caller}, {"limit", limit}, {"row", refusal.pattern}});
    return Error(Reason::kCallerRateLimited,
                 "the calling service exceeds what the server's policy gives "
                 "it; wait as long as retry_info says")
        .RetryAfter(refusal.wait)
        .ToStatus();
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
                                               absl::string_view method,
                                               Kind kind) {
  return tables_->AdmitOrTell(caller, method, kind);
}

absl::StatusOr<Admission> AccessControl::AdmitAnybody(const std::string& caller,
                                                      Kind kind) {
  return tables_->AdmitOrTell(caller, std::nullopt, kind);
}

bool AccessControl::Allows(const std::string& caller, absl::string_view method,
                           absl::string_view app_id) {
  const absl::Duration now = tables_->clock.Monotonic();
  std::shared_ptr<const CallerRights> rights;
  {
    std::lock_guard<std::mutex> lock(tables_->mutex);
    const auto found = tables_->callers.find(caller);
    if (found == tables_->callers.end()) {
      rights = RightsOf(tables_->policy, caller);
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

#include "server/keeper/token_keeper.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "server/base/deadline.h"
#include "server/base/log.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

// One fetch's own budget: it serves many callers, so no single caller's
// deadline may end it.
constexpr absl::Duration kFetchBudget = absl::Seconds(5);
constexpr absl::Duration kStoreBudget = absl::Seconds(2);

// WeChat keeps the old token valid beside the new one for 5 minutes, and in
// stable mode gives a new one only in the last 5 minutes (wechat-api 5 and 6).
constexpr absl::Duration kOverlap = absl::Minutes(5);
constexpr absl::Duration kJitter = absl::Minutes(1);

// A token with less life than this is handed out only if no better can be had.
constexpr absl::Duration kLeastLife = absl::Seconds(60);

constexpr absl::Duration kFirstPause = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Seconds(30);

// WeChat's limits on stable_token's force_refresh (wechat-api 6).
constexpr size_t kForcedPerDay = 20;
constexpr absl::Duration kForcedApart = absl::Seconds(30);

// Whether asking again soon cannot change the answer.
bool IsLasting(const absl::Status& error) {
  return HasReason(error, Reason::kAppMisconfigured) ||
         HasReason(error, Reason::kApiUnauthorized) ||
         HasReason(error, Reason::kTokenBudgetExhausted) ||
         HasReason(error, Reason::kWechatRateLimited);
}

}  // namespace

// One app's token. At most one flight (load, fetch) is under way; `waiters`
// get its outcome.
struct TokenKeeper::Slot {
  explicit Slot(const App& app) : app(app) {}

  const App& app;
  std::mutex mutex;
  std::optional<AccessToken> token;
  // The token that callers have reported as refused. Never handed out again.
  std::optional<Secret> refused;
  bool loaded = false;
  bool in_flight = false;
  std::vector<Done<AccessToken>> waiters;
  absl::Time refresh_at = absl::InfiniteFuture();
  // After failures.
  absl::Duration pause = absl::ZeroDuration();
  absl::Duration retry_at = absl::ZeroDuration();  // on Clock::Monotonic()
  absl::Status last_error;
  std::deque<absl::Duration> forced_at;  // on Clock::Monotonic()

  bool TokenIsGood(absl::Time now, absl::Duration least_life) const {
    return token.has_value() && !(refused == token->token) &&
           token->expires_at - now > least_life;
  }
};

TokenKeeper::TokenKeeper(const Apps& apps, WechatApi& wechat, TokenStore& store,
                         Clock& clock, Random& random)
    : wechat_(wechat), store_(store), clock_(clock), random_(random) {
  for (const auto& [id, app] : apps.all())
    slots_.emplace(id, std::make_unique<Slot>(app));
}

TokenKeeper::~TokenKeeper() = default;

TokenKeeper::Slot& TokenKeeper::SlotOf(const App& app) {
  return *slots_.at(app.app_id);
}

void TokenKeeper::Get(const App& app, const std::optional<Secret>& rejected,
                      Done<AccessToken> done) {
  Slot& slot = SlotOf(app);
  std::unique_lock<std::mutex> lock(slot.mutex);
  if (rejected.has_value() && slot.token.has_value() &&
      *rejected == slot.token->token)
    slot.refused = rejected;
  const absl::Time now = clock_.Now();
  // A token that came with little life left is good until its refresh is due.
  if (slot.TokenIsGood(now, kLeastLife) ||
      (slot.TokenIsGood(now, absl::ZeroDuration()) && now < slot.refresh_at)) {
    AccessToken token = *slot.token;
    lock.unlock();
    return std::move(done)(std::move(token));
  }
  if (!slot.in_flight && clock_.Monotonic() < slot.retry_at) {
    // The last fetch failed a moment ago. The rest of an old token's life is
    // better than an error.
    absl::StatusOr<AccessToken> answer = slot.last_error;
    if (slot.TokenIsGood(now, absl::ZeroDuration())) answer = *slot.token;
    lock.unlock();
    return std::move(done)(std::move(answer));
  }
  slot.waiters.push_back(std::move(done));
  if (std::exchange(slot.in_flight, true)) return;
  const bool loaded = slot.loaded;
  lock.unlock();
  BeginFlight();
  if (loaded) return Fetch(slot, /*force=*/false);
  Load(slot);
}

void TokenKeeper::RefreshDue() {
  for (auto& [id, slot] : slots_) {
    {
      std::lock_guard<std::mutex> lock(slot->mutex);
      if (slot->in_flight || clock_.Now() < slot->refresh_at ||
          clock_.Monotonic() < slot->retry_at)
        continue;
      slot->in_flight = true;
    }
    BeginFlight();
    Fetch(*slot, /*force=*/false);
  }
}

void TokenKeeper::Load(Slot& slot) {
  store_.LoadToken(
      slot.app.app_id, slot.app.token_mode,
      Deadline::After(kStoreBudget, clock_),
      [this, &slot](absl::StatusOr<std::optional<AccessToken>> found) {
        OnLoaded(slot, std::move(found));
      });
}

void TokenKeeper::OnLoaded(Slot& slot,
                           absl::StatusOr<std::optional<AccessToken>> found) {
  bool good = false;
  {
    std::lock_guard<std::mutex> lock(slot.mutex);
    // A store that cannot be asked must not keep WeChat's token from anyone;
    // and what does not open any more is fetched anew.
    slot.loaded = true;
    if (found.ok() && found->has_value()) {
      slot.token = *std::move(*found);
      PlanRefresh(slot);
    } else if (!found.ok()) {
      Log(LogLevel::kWarning, "stored access_token not read",
          {{"app_id", slot.app.app_id},
           {"reason",
            std::string(ReasonName(DetailsOf(found.status()).reason))}});
    }
    good = slot.TokenIsGood(clock_.Now(), kLeastLife);
  }
  if (good) return EndFlight(slot, absl::OkStatus());
  Fetch(slot, /*force=*/false);
}

void TokenKeeper::Fetch(Slot& slot, bool force) {
  wechat_.FetchToken(slot.app, force, Deadline::After(kFetchBudget, clock_),
                     [this, &slot, force](absl::StatusOr<FetchedToken> answer) {
                       OnFetched(slot, force, std::move(answer));
                     });
}

void TokenKeeper::OnFetched(Slot& slot, bool force,
                            absl::StatusOr<FetchedToken> answer) {
  if (!answer.ok()) return EndFlight(slot, answer.status());
  std::optional<AccessToken> fresh;
  absl::Status budget;
  bool insists = false;
  {
    std::lock_guard<std::mutex> lock(slot.mutex);
    insists = slot.refused == answer->access_token;
    if (insists) {
      // In its normal mode stable_token repeats a token until its last minutes,
      // also one that other APIs have begun to refuse.
      budget = force || slot.app.token_mode != TokenMode::kStable
                   ? Error(Reason::kWechatBadResponse,
                           "WeChat gave the refused access_token again")
                         .ToStatus()
                   : TakeForcedFetch(slot);
    } else {
      const bool same =
          slot.token.has_value() && slot.token->token == answer->access_token;
      const int64_t before =
          slot.token.has_value() ? slot.token->generation : 0;
      // The database keeps microseconds; a restart must not change the time.
      const absl::Time expires_at = absl::FromUnixMicros(
          absl::ToUnixMicros(clock_.Now() + answer->expires_in));
      slot.token = AccessToken{std::move(answer->access_token), expires_at,
                               same ? before : before + 1};
      slot.refused.reset();
      PlanRefresh(slot);
      fresh = *slot.token;
    }
  }
  if (insists) {
    if (!budget.ok()) return EndFlight(slot, budget);
    return Fetch(slot, /*force=*/true);
  }
  EndFlight(slot, absl::OkStatus(), std::move(fresh));
}

void TokenKeeper::BeginFlight() {
  std::lock_guard<std::mutex> lock(flights_mutex_);
  ++flights_;
}

void TokenKeeper::EndFlight(Slot& slot, absl::Status error,
                            std::optional<AccessToken> fresh) {
  Answer(slot, error);
  // Readers do not wait for the store: what it misses is fetched again after a
  // restart.
  if (fresh.has_value()) Save(slot, *std::move(fresh));
  // The last act: the keeper may be gone after it.
  std::lock_guard<std::mutex> lock(flights_mutex_);
  if (--flights_ == 0) no_flights_.notify_all();
}

void TokenKeeper::Answer(Slot& slot, const absl::Status& error) {
  std::vector<Done<AccessToken>> waiters;
  absl::StatusOr<AccessToken> answer = absl::UnknownError("");
  {
    std::lock_guard<std::mutex> lock(slot.mutex);
    slot.in_flight = false;
    waiters.swap(slot.waiters);
    if (error.ok()) {
      slot.pause = absl::ZeroDuration();
      answer = *slot.token;
    } else {
      slot.pause = IsLasting(error)
                       ? kLongestPause
                       : std::clamp(slot.pause * 2, kFirstPause, kLongestPause);
      slot.retry_at = clock_.Monotonic() + slot.pause;
      slot.last_error = error;
      answer = error;
      if (slot.TokenIsGood(clock_.Now(), absl::ZeroDuration()))
        answer = *slot.token;
    }
  }
  if (!error.ok()) {
    const ErrorDetails details = DetailsOf(error);
    auto errcode = details.metadata.find("errcode");
    Log(LogLevel::kWarning, "access_token not fetched",
        {{"app_id", slot.app.app_id},
         {"reason", std::string(ReasonName(details.reason))},
         {"errcode",
          errcode == details.metadata.end() ? "" : errcode->second}});
  }
  for (Done<AccessToken>& done : waiters) std::move(done)(answer);
}

void TokenKeeper::Save(const Slot& slot, AccessToken token) {
  store_.SaveToken(
      slot.app.app_id, slot.app.token_mode, std::move(token),
      Deadline::After(kStoreBudget, clock_),
      [app_id = slot.app.app_id](absl::Status saved) {
        if (saved.ok()) return;
        Log(LogLevel::kWarning, "access_token not stored",
            {{"app_id", app_id},
             {"reason", std::string(ReasonName(DetailsOf(saved).reason))}});
      });
}

void TokenKeeper::Stop() {
  std::unique_lock<std::mutex> lock(flights_mutex_);
  no_flights_.wait(lock, [this] { return flights_ == 0; });
}

absl::Status TokenKeeper::TakeForcedFetch(Slot& slot) {
  const absl::Duration now = clock_.Monotonic();
  std::deque<absl::Duration>& past = slot.forced_at;
  while (!past.empty() && now - past.front() >= absl::Hours(24))
    past.pop_front();
  absl::Duration wait = absl::ZeroDuration();
  if (past.size() >= kForcedPerDay)
    wait = past.front() + absl::Hours(24) - now;
  else if (!past.empty())
    wait = past.back() + kForcedApart - now;
  if (wait > absl::ZeroDuration())
    return Error(Reason::kTokenBudgetExhausted,
                 "WeChat allows 20 forced token refreshes a day, 30 s apart; "
                 "retry later")
        .RetryAfter(wait)
        .ToStatus();
  past.push_back(now);
  return absl::OkStatus();
}

void TokenKeeper::PlanRefresh(Slot& slot) {
  const std::string bytes = random_.Bytes(1);
  const absl::Duration jitter =
      kJitter * (static_cast<unsigned char>(bytes[0]) / 255.0);
  const absl::Duration early = slot.app.token_mode == TokenMode::kStable
                                   ? kOverlap - jitter
                                   : kOverlap + jitter;
  // Never at once: a token may come with less life than the overlap.
  slot.refresh_at =
      std::max(slot.token->expires_at - early, clock_.Now() + kLongestPause);
}

}  // namespace wxident

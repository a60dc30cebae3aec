#include "server/keys/reencryptor.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/backoff.h"
#include "server/base/deadline.h"
#include "server/base/log.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

// A batch takes some 20 ms; this is what a database in trouble is given.
constexpr absl::Duration kBatchBudget = absl::Seconds(5);
constexpr absl::Duration kShortestPause = absl::Milliseconds(2);
// After a batch without an answer; with kPatience of them in a row, about half
// a minute, in which a database restarts or another takes its place.
constexpr absl::Duration kAfterFailure = absl::Seconds(1);
constexpr int kPatience = 30;
// Between two passes: the second follows at once.
constexpr Backoff kRest = {absl::Milliseconds(100), absl::Seconds(10)};

}  // namespace

Reencryptor::Reencryptor(KeyStore& store, const KeyRing& key_ring, Timer& timer,
                         Clock& clock, Metrics& metrics)
    : store_(store),
      key_ring_(key_ring),
      timer_(timer),
      clock_(clock),
      metrics_(metrics) {}

void Reencryptor::Begin() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (in_flight_.stopping() || status_.state == State::kRunning) return;
    status_ = {.state = State::kRunning,
               .began_at = clock_.Now(),
               .ended_at = absl::InfiniteFuture()};
    logged_.clear();
    rests_ = 0;
    failures_ = 0;
  }
  Log(LogLevel::kInfo, "resealing begins",
      {{"key_id", absl::StrCat(key_ring_.sealing_key_id())}});
  StartPass();
}

Reencryptor::Status Reencryptor::GetStatus() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

void Reencryptor::Stop() { in_flight_.Stop(); }

void Reencryptor::RunAfter(absl::Duration pause, void (Reencryptor::*step)()) {
  timer_.After(pause, [this, step] { (this->*step)(); });
}

void Reencryptor::StartPass() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const uint32_t key_id = key_ring_.sealing_key_id();
    // There is much to do again.
    if (key_id != pass_.key_id) rests_ = 0;
    pass_ = {.key_id = key_id};
    position_ = KeyPosition();
  }
  StartBatch();
}

void Reencryptor::StartBatch() {
  KeyPosition from;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!in_flight_.Begin()) return;
    batch_began_ = clock_.Monotonic();
    from = *position_;
  }
  store_.Reencrypt(std::move(from), Deadline::After(kBatchBudget, clock_),
                   [this](absl::StatusOr<ReencryptedBatch> batch) {
                     OnBatch(std::move(batch));
                   });
}

void Reencryptor::OnBatch(absl::StatusOr<ReencryptedBatch> batch) {
  bool again = false;
  absl::Duration pause;
  void (Reencryptor::*step)() = &Reencryptor::StartBatch;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (batch.ok()) {
      Take(*batch);
      pause = std::max(kShortestPause, 2 * (clock_.Monotonic() - batch_began_));
      if (!position_.has_value()) {
        LogUnreadable();
        if (pass_.is_clean) {
          step = &Reencryptor::OnEveryValueDone;
        } else {
          pause = kRest.PauseAfter(rests_++);
          step = &Reencryptor::StartPass;
        }
      }
    } else {
      pause = kAfterFailure;
    }
    again = !in_flight_.stopping() &&
            (batch.ok() || !OutOfPatience(batch.status()));
  }
  if (again) RunAfter(pause, step);
  in_flight_.End();
}

void Reencryptor::Take(const ReencryptedBatch& batch) {
  failures_ = 0;
  status_.reencrypted += batch.reencrypted;
  metrics_.Count("wxident_resealed_values_total", {},
                 static_cast<double>(batch.reencrypted));
  if (batch.reencrypted > 0 || batch.missed > 0 ||
      batch.sealing_key_id != pass_.key_id)
    pass_.is_clean = false;
  int64_t unreadable = 0;
  for (const auto& [place, count] : batch.unreadable)
    pass_.unreadable[place] += count;
  for (const auto& [place, count] : pass_.unreadable) unreadable += count;
  position_ = batch.next;
  status_.unreadable = position_.has_value()
                           ? std::max(status_.unreadable, unreadable)
                           : unreadable;
}

void Reencryptor::OnEveryValueDone() {
  std::set<uint32_t> used;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!in_flight_.Begin()) return;
    used.insert(pass_.key_id);
    for (const auto& [place, count] : pass_.unreadable)
      used.insert(place.key_id);
  }
  store_.MarkUnused(std::move(used), Deadline::After(kBatchBudget, clock_),
                    [this](absl::Status marked) { OnMarked(marked); });
}

void Reencryptor::OnMarked(const absl::Status& marked) {
  bool again = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (marked.ok())
      End(State::kDone);
    else
      again = !in_flight_.stopping() && !OutOfPatience(marked);
  }
  if (again) RunAfter(kAfterFailure, &Reencryptor::OnEveryValueDone);
  in_flight_.End();
}

bool Reencryptor::OutOfPatience(const absl::Status& error) {
  if (++failures_ < kPatience) return false;
  Log(LogLevel::kError, "resealing fails",
      {{"reason", std::string(ReasonName(DetailsOf(error).reason))}});
  End(State::kFailed);
  return true;
}

void Reencryptor::End(State state) {
  status_.state = state;
  status_.ended_at = clock_.Now();
  if (state == State::kDone)
    Log(LogLevel::kInfo, "resealing ends",
        {{"key_id", absl::StrCat(pass_.key_id)},
         {"resealed", absl::StrCat(status_.reencrypted)},
         {"unreadable", absl::StrCat(status_.unreadable)}});
}

void Reencryptor::LogUnreadable() {
  // Only what the passes before have not told.
  if (pass_.unreadable == logged_) return;
  logged_ = pass_.unreadable;
  for (const auto& [place, count] : pass_.unreadable)
    Log(LogLevel::kError, "stored values do not open",
        {{"table", place.table},
         {"column", place.column},
         {"app", place.app_id},
         {"key_id", absl::StrCat(place.key_id)},
         {"reason",
          std::string(ReasonName(place.tampered ? Reason::kTampered
                                                : Reason::kKeyUnavailable))},
         {"values", absl::StrCat(count)}});
}

}  // namespace wxident

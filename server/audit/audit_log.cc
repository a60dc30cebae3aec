#include "server/audit/audit_log.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/audit/audit_writer.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

// Together less than the second that callers are promised.
constexpr absl::Duration kMostWait = absl::Milliseconds(800);
constexpr auto kWatch = std::chrono::milliseconds(100);

absl::Status UnavailableError() {
  return Error(Reason::kAuditUnavailable,
               "the audit log cannot be written, so nothing is released; retry "
               "later")
      .ToStatus();
}

// A Write that waits for its line; of a Note: nothing.
struct Waiter {
  DoneStatus done;
  // On Clock::Monotonic().
  std::optional<absl::Duration> until;
};

void RefuseAll(std::vector<DoneStatus>& all) {
  for (DoneStatus& done : all) std::move(done)(UnavailableError());
}

}  // namespace

struct AuditLog::State {
  State(Options options, std::unique_ptr<AuditWriter> writer, Clock& clock,
        Metrics& metrics)
      : path(std::move(options.path)),
        queue_limit(static_cast<size_t>(options.queue_limit)),
        clock(clock),
        metrics(metrics),
        writer(std::move(writer)) {}

  const std::string path;
  const size_t queue_limit;
  // Not to be touched once `abandoned`.
  Clock& clock;
  Metrics& metrics;

  // The writing thread's alone.
  const std::unique_ptr<AuditWriter> writer;
  bool failing = false;

  std::mutex mutex;
  // For the writing thread: there is something to do.
  std::condition_variable work;
  // For the others: `reopened`, `stuck`, `ended` or `abandoned` is set.
  std::condition_variable changed;
  // What waits, and who: two lists side by side.
  std::vector<AuditWriter::Item> items;
  std::vector<Waiter> waiters;
  // Who waits for the write that is under way, and since when it is.
  std::vector<Waiter> in_write;
  std::optional<absl::Duration> write_began;
  // That write has been under way for too long: nobody else is to wait.
  bool stuck = false;
  // Notes that have no line, and of which no line tells yet.
  uint64_t missing = 0;
  // Reopen asks; the writing thread answers.
  bool reopen = false;
  std::optional<absl::Status> reopened;
  bool ending = false;
  // The writing thread is done.
  bool ended = false;
  // The writing thread is stuck, and nothing but this struct exists any more.
  bool abandoned = false;

  // Under `mutex`.
  void Push(AuditWriter::Item item, Waiter waiter) {
    items.push_back(std::move(item));
    waiters.push_back(std::move(waiter));
    if (items.size() == 1) work.notify_one();
  }

  void Run();
  // One turn of Run: takes all that waits and writes it. False: abandoned.
  bool WriteBatch(std::unique_lock<std::mutex>& lock);
  void LogOutcome(const AuditWriter::Appended& appended);
  void Watch();
  // Under `mutex`: takes out who has waited until `now`, and their lines.
  std::vector<DoneStatus> TakeLate(absl::Duration now);
  std::vector<DoneStatus> TakeAll();
};

void AuditLog::State::Run() {
  std::unique_lock<std::mutex> lock(mutex);
  // The first turn writes what the log has to say of itself.
  bool last = false;
  while (WriteBatch(lock) && !last) {
    work.wait(lock, [this] { return ending || reopen || !items.empty(); });
    last = ending;
    if (last) writer->Stop();
  }
  if (abandoned) return;
  ended = true;
  changed.notify_all();
}

bool AuditLog::State::WriteBatch(std::unique_lock<std::mutex>& lock) {
  const std::vector<AuditWriter::Item> batch = std::exchange(items, {});
  in_write = std::exchange(waiters, {});
  const bool asked = std::exchange(reopen, false);
  const uint64_t told = missing;
  write_began = clock.Monotonic();
  const absl::Time now = clock.Now();
  lock.unlock();
  std::optional<absl::Status> answer;
  if (asked) answer = writer->Reopen();
  const AuditWriter::Appended appended = writer->Append(batch, told, now);

  lock.lock();
  if (abandoned) return false;
  if (asked) reopened = std::move(answer);
  write_began.reset();
  stuck = false;
  if (appended.told_missing) missing -= told;
  std::vector<DoneStatus> written, refused;
  uint64_t dropped = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    DoneStatus& done = in_write[i].done;
    const bool stands = i < appended.items;
    if (done != nullptr)
      (stands ? written : refused).push_back(std::move(done));
    else if (!stands && !in_write[i].until.has_value())
      ++dropped;
  }
  in_write.clear();
  missing += dropped;
  changed.notify_all();
  lock.unlock();

  if (appended.items > 0)
    metrics.Count("wxident_audit_lines_total", {},
                  static_cast<double>(appended.items));
  if (dropped > 0)
    metrics.Count("wxident_audit_dropped_total", {},
                  static_cast<double>(dropped));
  if (!refused.empty())
    metrics.Count("wxident_audit_refused_total", {},
                  static_cast<double>(refused.size()));
  for (DoneStatus& done : written) std::move(done)(absl::OkStatus());
  RefuseAll(refused);
  LogOutcome(appended);
  lock.lock();
  return true;
}

void AuditLog::State::LogOutcome(const AuditWriter::Appended& appended) {
  const bool fails = !appended.error.empty();
  if (fails == failing) return;
  failing = fails;
  if (fails)
    Log(LogLevel::kError, "audit log cannot be written",
        {{"file", path}, {"error", appended.error}});
  else
    Log(LogLevel::kInfo, "audit log is written again", {{"file", path}});
}

std::vector<DoneStatus> AuditLog::State::TakeLate(absl::Duration now) {
  std::vector<DoneStatus> late;
  for (Waiter& waiter : in_write)
    if (waiter.done != nullptr && waiter.until <= now)
      late.push_back(std::exchange(waiter.done, nullptr));
  size_t kept = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    if (waiters[i].done != nullptr && waiters[i].until <= now) {
      late.push_back(std::move(waiters[i].done));
      continue;
    }
    if (kept != i) {
      items[kept] = std::move(items[i]);
      waiters[kept] = std::move(waiters[i]);
    }
    ++kept;
  }
  items.resize(kept);
  waiters.resize(kept);
  return late;
}

std::vector<DoneStatus> AuditLog::State::TakeAll() {
  return TakeLate(absl::InfiniteDuration());
}

void AuditLog::State::Watch() {
  std::unique_lock<std::mutex> lock(mutex);
  while (
      !changed.wait_for(lock, kWatch, [this] { return ended || abandoned; })) {
    const absl::Duration now = clock.Monotonic();
    const bool was_stuck = stuck;
    std::vector<DoneStatus> late = TakeLate(now);
    stuck = write_began.has_value() &&
            (!late.empty() || now - *write_began >= kMostWait);
    if (late.empty() && stuck == was_stuck) continue;
    if (stuck) changed.notify_all();
    lock.unlock();
    if (stuck && !was_stuck)
      Log(LogLevel::kError, "audit log hangs", {{"file", path}});
    if (!late.empty()) {
      metrics.Count("wxident_audit_refused_total", {},
                    static_cast<double>(late.size()));
      RefuseAll(late);
    }
    lock.lock();
  }
}

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(Options options,
                                                         Clock& clock,
                                                         Metrics& metrics) {
  WX_ASSIGN_OR_RETURN(std::unique_ptr<AuditWriter> writer,
                      AuditWriter::Open(options.path, options.key));
  for (const char* name :
       {"wxident_audit_lines_total", "wxident_audit_dropped_total",
        "wxident_audit_refused_total"})
    metrics.Count(name, {}, 0);
  return std::unique_ptr<AuditLog>(new AuditLog(std::make_shared<State>(
      std::move(options), std::move(writer), clock, metrics)));
}

AuditLog::AuditLog(std::shared_ptr<State> state)
    : state_(std::move(state)),
      // Each holds the state for as long as it runs.
      writer_([state = state_] { state->Run(); }),
      watchdog_([state = state_] { state->Watch(); }) {}

AuditLog::~AuditLog() {
  std::unique_lock<std::mutex> lock(state_->mutex);
  state_->ending = true;
  state_->work.notify_one();
  state_->changed.wait(lock, [this] { return state_->ended || state_->stuck; });
  state_->abandoned = !state_->ended;
  std::vector<DoneStatus> late = state_->TakeAll();
  state_->changed.notify_all();
  const bool ended = state_->ended;
  lock.unlock();
  watchdog_.join();
  if (ended) {
    writer_.join();
    state_->writer->LogHead("audit log closed");
  } else {
    writer_.detach();
    Log(LogLevel::kError, "audit log given up: its file hangs",
        {{"file", state_->path}});
    RefuseAll(late);
  }
}

void AuditLog::Write(AuditEntry entry, DoneStatus done) {
  State& state = *state_;
  const absl::Time time = state.clock.Now();
  std::unique_lock<std::mutex> lock(state.mutex);
  if (!state.stuck && state.items.size() < state.queue_limit) {
    state.Push({std::move(entry), time},
               {std::move(done), state.clock.Monotonic() + kMostWait});
    return;
  }
  lock.unlock();
  state.metrics.Count("wxident_audit_refused_total", {});
  std::move(done)(UnavailableError());
}

void AuditLog::Note(AuditEntry entry) {
  State& state = *state_;
  const absl::Time time = state.clock.Now();
  std::unique_lock<std::mutex> lock(state.mutex);
  if (state.items.size() < state.queue_limit)
    return state.Push({std::move(entry), time}, {nullptr, std::nullopt});
  ++state.missing;
  lock.unlock();
  state.metrics.Count("wxident_audit_dropped_total", {});
}

absl::Status AuditLog::Reopen() {
  State& state = *state_;
  std::unique_lock<std::mutex> lock(state.mutex);
  state.reopened.reset();
  state.reopen = true;
  state.work.notify_one();
  state.changed.wait(lock,
                     [&] { return state.reopened.has_value() || state.stuck; });
  if (!state.reopened.has_value())
    return absl::UnavailableError(
        absl::StrCat("audit log: ", state.path, " hangs"));
  return *state.reopened;
}

}  // namespace wxident

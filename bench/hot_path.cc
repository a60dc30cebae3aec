// What the pieces of a call cost that is answered from memory: each alone, in
// nanoseconds. README.md tells how to read it.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/audit/audit_line.h"
#include "server/audit/audit_log.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/base/timer.h"
#include "server/crypto/hash.h"
#include "server/crypto/hmac_key.h"
#include "server/crypto/random.h"
#include "server/edge/event_loop.h"
#include "server/keeper/token_manager.h"
#include "server/policy/access_control.h"
#include "server/session/session_cache.h"
#include "tests/fakes/fake_credential_store.h"
#include "tests/fakes/fake_session_store.h"
#include "tests/session/fake_wechat_api.h"

namespace wxident {
namespace {

constexpr char kCaller[] = "spiffe://corp.example/team/orders";
constexpr char kApp[] = "wx4f4bc4dec97d474b";

// Sessions in memory are good for a second: this one does not pass.
class StillClock final : public Clock {
 public:
  absl::Time Now() override { return absl::FromUnixSeconds(1'800'000'000); }
  absl::Duration Monotonic() override { return absl::Hours(1); }
};

void BM_Clock(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(SystemClock().Monotonic());
}
BENCHMARK(BM_Clock);

void BM_RandomBytes(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(SystemRandom().Bytes(8));
}
BENCHMARK(BM_RandomBytes)->ThreadRange(1, 2);

void BM_RandomName(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(SystemRandom().Name(8));
}
BENCHMARK(BM_RandomName)->ThreadRange(1, 2);

void BM_MetricByName(benchmark::State& state) {
  static Metrics& metrics = *new Metrics;
  const std::string rpc = "GetAccessToken", reason = "OK";
  for (auto _ : state)
    metrics.Observe("wxident_rpc_seconds", {{"rpc", rpc}, {"reason", reason}},
                    absl::Microseconds(7));
}
BENCHMARK(BM_MetricByName)->ThreadRange(1, 2);

void BM_MetricAtHand(benchmark::State& state) {
  static Metrics& metrics = *new Metrics;
  Timing& timing = metrics.TimingOf(
      "wxident_rpc_seconds", {{"rpc", "GetAccessToken"}, {"reason", "OK"}});
  for (auto _ : state) timing.Observe(absl::Microseconds(7));
}
BENCHMARK(BM_MetricAtHand)->ThreadRange(1, 2);

// range(0): whether the caller has a rate.
void BM_Admit(benchmark::State& state) {
  static std::once_flag made;
  static std::unique_ptr<AccessControl> accesses[2];
  std::call_once(made, [] {
    for (int i = 0; i < 2; ++i) {
      Policy policy{.allow = {{.caller = kCaller,
                               .methods = {"GetAccessToken", "GetUser", "Login",
                                           "ValidateSession"},
                               .apps = {kApp}}}};
      if (i == 1)
        policy.limits = {
            {.caller = kCaller, .rate = 1e9, .burst = 1e9, .concurrency = 100}};
      accesses[i] = std::make_unique<AccessControl>(
          std::move(policy), SystemClock(), *new Metrics);
    }
  });
  AccessControl& access = *accesses[state.range(0)];
  const std::string caller = kCaller;
  for (auto _ : state) {
    const absl::StatusOr<Admission> admission =
        access.Admit(caller, "ValidateSession");
    if (!admission.ok() || !admission->Allows(kApp)) std::abort();
  }
}
BENCHMARK(BM_Admit)->ArgName("limits")->Arg(0)->Arg(1)->ThreadRange(1, 2);

void BM_SessionFromMemory(benchmark::State& state) {
  static StillClock& clock = *new StillClock;
  static SessionCache& checks = *[] {
    auto* data = new FakeStoreData(clock);
    data->users["2f1c7a52-6a0e-4b5e-9d3a-3f2d1c0b9a87"] = clock.Now();
    data->identities[{kApp, "oABCDEFGHIJKLMNOPQRSTUVWXYZ12"}] = {
        "2f1c7a52-6a0e-4b5e-9d3a-3f2d1c0b9a87", "uABCDEFGHIJKLMNOPQRSTUVWXYZ12",
        1};
    data->sessions[std::string(32, 'h')] = {
        {kApp, "oABCDEFGHIJKLMNOPQRSTUVWXYZ12"},
        clock.Now(),
        clock.Now() + absl::Hours(1)};
    return new SessionCache(*new FakeSessionStore(*data), clock);
  }();
  const Deadline deadline = Deadline::After(absl::Seconds(3), clock);
  for (auto _ : state)
    checks.Check(std::string(32, 'h'), false, deadline,
                 [](absl::StatusOr<std::optional<Session>> session) {
                   if (!session.ok() || !session->has_value()) std::abort();
                 });
}
BENCHMARK(BM_SessionFromMemory)->ThreadRange(1, 2);

void BM_TokenFromMemory(benchmark::State& state) {
  static Apps& apps = *new Apps({App{kApp, AppKind::kMiniProgram, "main",
                                     Secret("s"), TokenMode::kStable}});
  static TokenManager& tokens = *[] {
    auto* data = new FakeStoreData(SystemClock());
    auto* keeper = new TokenManager(
        apps, *new FakeWechatApi, *new FakeCredentialStore(*data),
        *new ThreadTimer, SystemClock(), SystemRandom(), *new Metrics);
    keeper->Start();
    return keeper;
  }();
  const App& app = *apps.Find(kApp);
  const Deadline deadline = Deadline::After(absl::Hours(1), SystemClock());
  for (auto _ : state)
    tokens.Get(app, std::nullopt, deadline,
               [](absl::StatusOr<AccessToken> token) {
                 if (!token.ok()) std::abort();
               });
}
BENCHMARK(BM_TokenFromMemory)->ThreadRange(1, 2);

AuditEntry Entry() {
  return {.caller = kCaller,
          .method = "GetAccessToken",
          .app_id = kApp,
          .subject = "",
          .reason = "OK",
          .key_id = 3,
          .request_id = "5bd0c1f2a7e94d08"};
}

void BM_Hmac(benchmark::State& state) {
  const std::string key(32, 'k'), text(380, 't');
  for (auto _ : state) benchmark::DoNotOptimize(HmacSha256(key, text));
}
BENCHMARK(BM_Hmac);

void BM_HmacKey(benchmark::State& state) {
  const HmacKey key(std::string(32, 'k'));
  const std::string text(380, 't');
  for (auto _ : state) benchmark::DoNotOptimize(key.Mac(text));
}
BENCHMARK(BM_HmacKey);

void BM_AuditLine(benchmark::State& state) {
  const AuditLineFormat format(Secret(std::string(32, 'a')));
  const AuditEntry entry = Entry();
  AuditHead head;
  std::string out;
  for (auto _ : state) {
    out.clear();
    format.AppendCall(entry, {SystemClock().Now(), 0}, head, out);
  }
}
BENCHMARK(BM_AuditLine);

// A log in a file that is gone when it is.
class BenchLog {
 public:
  BenchLog() {
    auto log =
        AuditLog::Open({.path = path_, .key = Secret(std::string(32, 'a'))},
                       SystemClock(), metrics_);
    if (!log.ok()) std::abort();
    log_ = *std::move(log);
  }
  ~BenchLog() {
    log_.reset();
    std::filesystem::remove(path_);
  }
  AuditLog& operator*() { return *log_; }

 private:
  const std::string path_ = (std::filesystem::temp_directory_path() /
                             absl::StrCat("wxident-bench-audit.", getpid()))
                                .string();
  Metrics metrics_;
  std::unique_ptr<AuditLog> log_;
};

// A loop's turns, each with range(0) calls whose lines are written before they
// are answered: a call, from one turn's end to the next.
void BM_AuditedTurn(benchmark::State& state) {
  BenchLog log;
  const auto loop = std::make_shared<EventLoop>(SystemClock());
  const auto calls = static_cast<int>(state.range(0));
  for (auto _ : state) {
    int answered = 0;
    loop->Defer([&] {
      for (int i = 0; i < calls; ++i)
        (*log).Write(Entry(), [&](absl::Status written) {
          if (!written.ok()) std::abort();
          // On the loop's thread, as an edge's stream answers.
          if (loop->IsCurrent())
            ++answered;
          else
            loop->Post([&] { ++answered; });
        });
    });
    while (answered < calls) loop->Turn(absl::Seconds(1));
  }
  state.SetItemsProcessed(state.iterations() * calls);
}
BENCHMARK(BM_AuditedTurn)
    ->ArgName("calls")
    ->Arg(1)
    ->Arg(8)
    ->Arg(64)
    ->UseRealTime();

// The same turns without lines.
void BM_Turn(benchmark::State& state) {
  EventLoop loop(SystemClock());
  for (auto _ : state) {
    loop.Defer([] {});
    loop.Turn(absl::ZeroDuration());
  }
}
BENCHMARK(BM_Turn);

// Lines for which nobody waits.
void BM_AuditNote(benchmark::State& state) {
  BenchLog log;
  const auto loop = std::make_shared<EventLoop>(SystemClock());
  for (auto _ : state) {
    loop->Defer([&] { (*log).Note(Entry()); });
    loop->Turn(absl::ZeroDuration());
  }
}
BENCHMARK(BM_AuditNote);

}  // namespace
}  // namespace wxident

BENCHMARK_MAIN();

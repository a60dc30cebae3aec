#include "tests/hostile/hostile_fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/integration/http_get.h"

namespace wxident {
namespace {

// An honest call may take twice as long as without an attack. Below kNoticeable
// it is not looked at in the usual run: whatever else the machine does makes
// single calls wait so long, of an instrumented server above all.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kMostMib = 512;
constexpr absl::Duration kNoticeable = absl::Milliseconds(250);
#else
constexpr int kMostMib = 128;
constexpr absl::Duration kNoticeable = absl::Milliseconds(50);
#endif
constexpr absl::Duration kNewConnection = absl::Seconds(1);
// Of the log's lines that tell of one kind of thing.
constexpr absl::Duration kLogPause = absl::Seconds(1);
// Of the log, where a failure shows it.
constexpr size_t kMostOfTheLog = 4'000;
// To read the metrics.
constexpr absl::Duration kPatience = absl::Seconds(20);

// Puts this thread, and all that it starts from now on, on one of two cores.
// The attacker has one of its own, as on another host it would; as the other's
// equal it would make calls wait whomever it attacks.
enum class Core { kAttackers, kServersAndCallers };
void MoveTo(Core core) {
  static const std::vector<int> cores = [] {
    cpu_set_t all;
    CPU_ZERO(&all);
    sched_getaffinity(0, sizeof(all), &all);
    std::vector<int> out;
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(i, &all)) out.push_back(i);
    return out;
  }();
  if (cores.size() < 2) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core == Core::kAttackers ? cores.front() : cores.back(), &one);
  sched_setaffinity(0, sizeof(one), &one);
}

// For the attackers' connections.
void RaiseDescriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// 0: the usual run.
size_t CallsOfALongRun() {
  const char* const text = std::getenv("HOSTILE_CALLS");
  size_t calls = 0;
  return text != nullptr && absl::SimpleAtoi(text, &calls) ? calls : 0;
}

struct Names {
  const char* event;
  const char* metric;
  // Of the metric, which tells why; nullptr: it does not.
  const char* label;
};
Names NamesOf(Attack::Told told) {
  switch (told) {
    case Attack::Told::kCut:
      return {"connection cut", "wxident_connections_cut_total", "why"};
    case Attack::Told::kNoConnection:
      return {"no connection came about", "wxident_handshake_failures_total",
              nullptr};
    case Attack::Told::kRefused:
      return {"connection refused", "wxident_connections_refused_total",
              nullptr};
    case Attack::Told::kLimited:
      return {"caller limited", "wxident_caller_limited_total", "limit"};
    case Attack::Told::kNot:
      break;
  }
  return {};
}

}  // namespace

struct HostileTest::Suite {
  std::shared_ptr<World> world;
  std::unique_ptr<Wxidentd> server;
  Connect connect;
  std::shared_ptr<const AttackersTls> tls;
  std::unique_ptr<Bystander> bystander;
  Bystander::Seen usual;
  int attackers = 0;

  std::string Metrics() const {
    return HttpGet(absl::StrCat("http://127.0.0.1:", server->metrics_port(),
                                "/metrics"),
                   kPatience)
        .value_or("");
  }
};

std::unique_ptr<HostileTest::Suite> HostileTest::suite_;

void HostileTest::Serve(std::shared_ptr<World> world,
                        const std::vector<std::string>& flags, Connect connect,
                        std::shared_ptr<const AttackersTls> tls) {
  // OpenSSL writes to connections that have gone.
  signal(SIGPIPE, SIG_IGN);
  RaiseDescriptors();
  MoveTo(Core::kServersAndCallers);
  suite_ = std::make_unique<Suite>();
  suite_->world = std::move(world);
  suite_->connect = std::move(connect);
  suite_->tls = std::move(tls);
  suite_->server = Wxidentd::Launch(
      *suite_->world, flags,
      {"ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:quarantine_size_mb=16"});
  suite_->server->WaitUntilListening();
  suite_->bystander =
      std::make_unique<Bystander>(suite_->connect(suite_->server->addr()));
  // The first calls wait for connections, to the database too.
  suite_->bystander->Take(300);
  suite_->usual =
      suite_->bystander->Take(std::max<size_t>(700, CallsOfALongRun()));
  ASSERT_EQ(suite_->usual.failure, "");
  std::cout << "without an attack: " << suite_->usual.calls << " calls, p50 "
            << suite_->usual.p50 << ", p99 " << suite_->usual.p99 << ", peak "
            << PeakMib() << " MiB\n";
}

void HostileTest::TearDownTestSuite() {
  // It did not come about.
  if (suite_ == nullptr) return;
  suite_->bystander.reset();
  if (suite_->server != nullptr)
    EXPECT_EQ(suite_->server->Stop(), 0) << suite_->server->process().log();
  suite_.reset();
}

Outcome HostileTest::Run(const Attack& attack, const Target& target) {
  Outcome outcome;
  grpc::Status anew;
  std::optional<std::string> metrics;
  std::thread attacker([&] {
    MoveTo(Core::kAttackers);
    outcome = attack.run(target, absl::Now() + attack.time);
  });
  // In its midst.
  absl::SleepFor(attack.time / 2);
  anew = CallAnew(suite_->connect(target.addr), kNewConnection);
  metrics = HttpGet(absl::StrCat("http://", target.http_addr, "/metrics"),
                    kNewConnection);
  attacker.join();
  EXPECT_TRUE(anew.ok()) << "a new connection: " << anew.error_message();
  EXPECT_TRUE(metrics.has_value()) << "the metrics do not answer";
  return outcome;
}

int HostileTest::PeakMib() {
  std::ifstream status(
      absl::StrCat("/proc/", suite_->server->process().pid(), "/status"));
  std::string line;
  while (std::getline(status, line))
    if (line.rfind("VmHWM:", 0) == 0) return std::stoi(line.substr(6)) / 1024;
  ADD_FAILURE() << "the server has gone:\n" << suite_->server->process().log();
  return 0;
}

double HostileTest::Told(const Attack& attack) {
  const Names names = NamesOf(attack.told);
  const bool by_label = names.label != nullptr && !attack.why.empty();
  double sum = 0;
  for (const absl::string_view line : absl::StrSplit(suite_->Metrics(), '\n')) {
    double value = 0;
    if (absl::StartsWith(line, absl::StrCat(names.metric, "{")) &&
        (!by_label ||
         absl::StrContains(
             line, absl::StrCat(names.label, "=\"", attack.why, "\""))) &&
        absl::SimpleAtod(line.substr(line.rfind(' ') + 1), &value))
      sum += value;
  }
  return sum;
}

bool HostileTest::Logged(const Attack& attack, size_t since) {
  const Names names = NamesOf(attack.told);
  const std::string log = suite_->server->process().log();
  const std::string event = absl::StrCat("\"event\":\"", names.event, "\"");
  const std::string why = absl::StrCat(
      attack.told == Attack::Told::kLimited ? "\"limit\":\"" : "\"why\":\"",
      attack.why);
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(log).substr(since), '\n'))
    if (absl::StrContains(line, event) && absl::StrContains(line, why))
      return true;
  return false;
}

void HostileTest::Suffer(const Attack& attack) {
  const int before = PeakMib();
  const size_t long_run = CallsOfALongRun();
  const bool is_told = attack.told != Attack::Told::kNot;
  const double told_before = is_told ? Told(attack) : 0;
  const size_t log_before = suite_->server->process().log().size();
  suite_->bystander->Take();

  // A line may be due to the attack before, which hid ours.
  if (attack.told == Attack::Told::kLimited) absl::SleepFor(kLogPause);

  const int number = ++suite_->attackers;
  const Target target{
      suite_->server->addr(),
      absl::StrCat("127.0.", 1 + number / 250, ".", 1 + number % 250),
      suite_->tls, absl::StrCat("127.0.0.1:", suite_->server->metrics_port())};
  Outcome outcome = Run(attack, target);
  // On a machine that does much else, the server may not have come to it yet.
  for (int i = 0; i < 10 && is_told &&
                  (Told(attack) == told_before || !Logged(attack, log_before));
       ++i)
    outcome = Run(attack, target);
  while (suite_->bystander->calls() < long_run) outcome = Run(attack, target);

  const Bystander::Seen seen = suite_->bystander->Take();
  const int after = PeakMib();
  const double told = is_told ? Told(attack) - told_before : 0;
  std::cout << attack.name << ": " << outcome.connections << " connections, "
            << outcome.closed << " closed, told " << told << "; peak " << after
            << " MiB; " << seen.calls << " calls, p50 " << seen.p50 << ", p99 "
            << seen.p99 << ", "
            << absl::FDivDuration(seen.p99, suite_->usual.p99)
            << " of the usual\n";

  EXPECT_EQ(seen.failure, "");
  EXPECT_LE(seen.p99,
            std::max(2 * suite_->usual.p99,
                     long_run > 0 ? absl::ZeroDuration() : kNoticeable));
  // An attack is not to blame for the one before.
  if (before <= kMostMib) EXPECT_LE(after, kMostMib);
  EXPECT_GT(outcome.connections, 0);
  EXPECT_TRUE(!attack.answered || outcome.HasAnswer());
  if (!is_told) return;
  EXPECT_GT(told, 0);
  EXPECT_TRUE(Logged(attack, log_before))
      << "no line of the log tells of it:\n"
      << suite_->server->process().log().substr(log_before, kMostOfTheLog);
}

std::string NameOf(const testing::TestParamInfo<Attack>& info) {
  return info.param.name;
}

}  // namespace wxident

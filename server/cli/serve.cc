#include "server/cli/serve.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/app/server.h"
#include "server/base/log.h"
#include "server/base/version.h"
#include "server/cli/check_config.h"
#include "server/cli/exit_codes.h"
#include "server/cli/library_versions.h"
#include "server/config/config.h"

namespace wxident {
namespace {

// The shell's code for an end by SIGTERM.
constexpr int kExitTerminated = 128 + SIGTERM;

// A reload takes this long to begin, so that a burst of signals is one reload.
constexpr absl::Duration kReloadDelay = absl::Milliseconds(100);

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

sigset_t OurSignals() {
  sigset_t signals = StopSignals();
  sigaddset(&signals, SIGHUP);
  return signals;
}

// Waits for one of our signals until `deadline`; 0 when none came.
int SignalBefore(absl::Time deadline) {
  const sigset_t signals = OurSignals();
  while (true) {
    const absl::Duration left = deadline - absl::Now();
    const timespec wait =
        absl::ToTimespec(std::max(left, absl::ZeroDuration()));
    const int signal = sigtimedwait(&signals, nullptr, &wait);
    if (signal > 0) return signal;
    if (left <= absl::ZeroDuration()) return 0;
  }
}

// Until a stop signal comes.
void Run(Server& server) {
  absl::Time housekeep_at = absl::Now() + absl::Seconds(1);
  absl::Time reload_at = absl::InfiniteFuture();
  while (true) {
    const int signal = SignalBefore(std::min(housekeep_at, reload_at));
    if (signal == SIGHUP)
      reload_at = std::min(reload_at, absl::Now() + kReloadDelay);
    else if (signal != 0)
      return;
    const absl::Time now = absl::Now();
    if (now >= reload_at) {
      reload_at = absl::InfiniteFuture();
      server.Reload();
    }
    if (now >= housekeep_at) {
      housekeep_at = now + absl::Seconds(1);
      server.Housekeep();
    }
  }
}

// From here on a stop signal ends the process at once.
void EndOnSecondSignal() {
  struct sigaction action {};
  action.sa_handler = [](int) { _exit(kExitTerminated); };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace

int Serve(const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment) {
  // Before any thread is made: all of them then leave our signals to this one.
  const sigset_t signals = OurSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  // A file at its limit is an error of that write, and no end of the process.
  signal(SIGXFSZ, SIG_IGN);
  FlushLogOnFatalSignals();

  absl::StatusOr<Config> config = ReadConfig(arguments, environment);
  if (!config.ok()) {
    std::cerr << config.status().message() << "\n";
    return kExitConfig;
  }
  SetLogLevel(config->log_level);
  LogLibraryVersions();
  for (const std::string& warning : config->warnings)
    Log(LogLevel::kWarning, "the configuration", {{"message", warning}});
  const absl::Duration drain_delay = config->shutdown.drain_delay;

  const absl::Time began = absl::Now();
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(*std::move(config));
  if (!server.ok()) {
    Log(LogLevel::kError, "not started",
        {{"message", std::string(server.status().message())}});
    return absl::IsUnavailable(server.status()) ? kExitUnavailable
                                                : kExitConfig;
  }
  Log(LogLevel::kInfo, "listening",
      {{"grpc", (*server)->grpc_addr()},
       {"admin", (*server)->admin_addr()},
       {"metrics_port", absl::StrCat((*server)->metrics_port())},
       {"version", std::string(Version())},
       {"commit", std::string(Commit())},
       {"start_ms",
        absl::StrCat(absl::ToInt64Milliseconds(absl::Now() - began))}});

  Run(**server);

  EndOnSecondSignal();
  Log(LogLevel::kInfo, "draining",
      {{"delay", absl::FormatDuration(drain_delay)}});
  (*server)->AnnounceStop();
  absl::SleepFor(drain_delay);
  (*server)->Stop();
  server->reset();
  Log(LogLevel::kInfo, "stopped");
  return 0;
}

}  // namespace wxident

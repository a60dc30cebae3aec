// wxidentd: the command line. Everything else is server/app.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/app/audit_command.h"
#include "server/app/config.h"
#include "server/app/exit_codes.h"
#include "server/app/flag_arguments.h"
#include "server/app/healthcheck.h"
#include "server/app/keys_command.h"
#include "server/app/library_versions.h"
#include "server/app/process_hardening.h"
#include "server/app/server.h"
#include "server/base/log.h"

namespace wxident {
namespace {

constexpr char kVersion[] = "0.1.0";

// The shell's code for an end by SIGTERM.
constexpr int kExitTerminated = 128 + SIGTERM;

constexpr char kUsage[] =
    R"(wxidentd: a WeChat identity service.

  wxidentd serve --config FILE [flags]         run the server (the default)
  wxidentd check-config --config FILE [flags]  read the configuration, say what is wrong
  wxidentd healthcheck [--addr HOST:PORT] [--service NAME] [--timeout 2s]
                       [--tls-ca-file F [--tls-cert-file F --tls-key-file F]]
                                               ask a server over a new connection
  wxidentd audit verify --file F [--file G ...] --key-file K [--head HEX]
                                               whether audit files, oldest first, are as written
  wxidentd keys new|list|rotate --ring-file F  add a key, name the keys, let the newest seal
  wxidentd keys verify --ring-file F [--config FILE [flags]]
                                               whether the ring can be used, and fits the database
  wxidentd version
  wxidentd --help

Exit codes: 0 done; 64 wrong arguments; 69 the database or an address cannot be
had; 78 the configuration or the database's schema is wrong. healthcheck: 0
serving, 1 wrong arguments, 2 no connection, 3 the call failed, 4 not serving.
audit verify: 0 as written, 1 not, 64 wrong arguments, 78 a file cannot be read.
keys verify: 1 the ring does not fit the database.

Signals: TERM and INT stop the server gently; a second one ends it at once. HUP
reads certificates, the revocation list, the policy and the key ring again and
opens the audit log anew.

Each key of the configuration file can be set by a flag or a variable; a flag
beats a variable, a variable the file, the file the default.

)";

std::vector<std::string> Environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  return variables;
}

absl::StatusOr<Config> ReadConfig(const std::vector<std::string>& arguments) {
  absl::StatusOr<ConfigSources> sources =
      ReadConfigSources(arguments, Environment());
  if (!sources.ok()) return sources.status();
  return LoadConfig(*sources);
}

int CheckConfig(const std::vector<std::string>& arguments) {
  absl::StatusOr<Config> config = ReadConfig(arguments);
  if (!config.ok()) {
    std::cerr << config.status().message() << "\n";
    return kExitConfig;
  }
  for (const std::string& warning : config->warnings)
    std::cerr << "warning: " << warning << "\n";
  std::cout << "the configuration is good: " << config->apps.size()
            << " app(s)\n";
  return 0;
}

int RunHealthcheck(const std::vector<std::string>& arguments) {
  HealthcheckOptions options;
  for (const auto& [name, value] : ReadFlagArguments(arguments)) {
    bool known = true;
    if (name == "--addr")
      options.addr = value;
    else if (name == "--service")
      options.service = value;
    else if (name == "--timeout")
      known = absl::ParseDuration(value, &options.timeout) &&
              options.timeout > absl::ZeroDuration();
    else if (name == "--tls-ca-file")
      options.tls_ca_file = value;
    else if (name == "--tls-cert-file")
      options.tls_cert_file = value;
    else if (name == "--tls-key-file")
      options.tls_key_file = value;
    else
      known = false;
    if (!known) {
      std::cerr << "healthcheck: cannot use the argument " << name
                << "; see wxidentd --help\n";
      return 1;
    }
  }
  return Healthcheck(options);
}

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

int Serve(const std::vector<std::string>& arguments) {
  // Before any thread is made: all of them then leave our signals to this one.
  const sigset_t signals = OurSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  // A file at its limit is an error of that write, and no end of the process.
  signal(SIGXFSZ, SIG_IGN);
  FlushLogOnFatalSignals();

  absl::StatusOr<Config> config = ReadConfig(arguments);
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
       {"version", kVersion},
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

int Main(const std::vector<std::string>& arguments) {
  const bool named = !arguments.empty() && !absl::StartsWith(arguments[0], "-");
  const std::string command = named ? arguments[0] : "serve";
  const std::vector<std::string> rest(arguments.begin() + (named ? 1 : 0),
                                      arguments.end());
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h" || argument == "help") {
      std::cout << kUsage << ConfigHelp();
      return 0;
    }
  }
  if (command == "serve") return Serve(rest);
  if (command == "check-config") return CheckConfig(rest);
  if (command == "healthcheck") return RunHealthcheck(rest);
  if (command == "audit") return AuditCommand(rest, std::cout, std::cerr);
  if (command == "keys")
    return KeysCommand(rest, Environment(), std::cout, std::cerr);
  if (command == "version") {
    std::cout << "wxidentd " << kVersion << "\n";
    return 0;
  }
  std::cerr << "wxidentd: there is no command " << command
            << "; see wxidentd --help\n";
  return kExitUsage;
}

}  // namespace
}  // namespace wxident

int main(int argc, char** argv) {
  wxident::HardenProcess();
  const int code =
      wxident::Main(std::vector<std::string>(argv + 1, argv + argc));
  wxident::AllowLeakCheck();
  return code;
}

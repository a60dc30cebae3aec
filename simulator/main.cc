#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "simulator/certificates.h"
#include "simulator/config.h"
#include "simulator/files.h"
#include "simulator/flags.h"
#include "simulator/http_server.h"
#include "simulator/simulator.h"

namespace wxident::simulator {
namespace {

constexpr int kExitUsage = 64;
constexpr int kExitConfig = 78;

int Fail(int exit_code, const absl::Status& status) {
  std::fprintf(stderr, "wechat-simulator: %s\n",
               std::string(status.message()).c_str());
  return exit_code;
}

absl::StatusOr<Config> ReadConfig(const Flags& flags) {
  Config config;
  config.seed = flags.seed;
  if (flags.config_file.empty()) return config;
  const absl::StatusOr<std::string> text = ReadFile(flags.config_file);
  if (!text.ok()) return text.status();
  const std::optional<Json> json = ParseJson(*text);
  const absl::Status applied =
      json.has_value() ? ApplyConfig(*json, config)
                       : absl::InvalidArgumentError("this is not JSON");
  if (applied.ok()) return config;
  return absl::InvalidArgumentError(
      absl::StrCat(flags.config_file, ": ", applied.message()));
}

// What a client on this machine would call.
std::string UrlOf(const Flags& flags, uint16_t port) {
  std::string host = flags.host;
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  if (absl::StrContains(host, ':')) host = absl::StrCat("[", host, "]");
  return absl::StrCat("https://", host, ":", port);
}

int Run(const Flags& flags) {
  absl::StatusOr<Config> config = ReadConfig(flags);
  if (!config.ok()) return Fail(kExitConfig, config.status());

  // Whatever thread starts from here on leaves these signals to sigwait.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  signal(SIGPIPE, SIG_IGN);
  FlushLogOnFatalSignals();

  // An error shows when the first file is written.
  mkdir(flags.dir.c_str(), 0755);
  absl::StatusOr<Certificates> certificates =
      LoadOrMakeCertificates(flags.dir, absl::Now());
  if (!certificates.ok()) return Fail(1, certificates.status());

  Simulator simulator(*std::move(config), SystemClock());
  absl::StatusOr<std::unique_ptr<HttpServer>> server = HttpServer::Start(
      {flags.host, flags.port, certificates->server, certificates->server_key},
      simulator);
  if (!server.ok()) return Fail(1, server.status());

  const std::string url = UrlOf(flags, (*server)->port());
  const std::string url_file = flags.dir + "/url";
  if (absl::Status written = WriteFile(url_file, url + "\n"); !written.ok())
    return Fail(1, written);
  std::printf("%s\n",
              WriteJson({{"url", url}, {"ca", flags.dir + "/ca.pem"}}).c_str());
  std::fflush(stdout);
  Log(LogLevel::kInfo, "listening", {{"url", url}});

  int got = 0;
  sigwait(&stop, &got);
  // Nobody shall find a URL where nobody listens.
  unlink(url_file.c_str());
  server->reset();
  Log(LogLevel::kInfo, "stopped");
  return 0;
}

int Main(const std::vector<std::string>& args) {
  const absl::StatusOr<Flags> flags = ParseFlags(args);
  if (!flags.ok()) return Fail(kExitUsage, flags.status());
  if (flags->help) {
    std::fputs(Help().c_str(), stdout);
    return 0;
  }
  SetLogLevel(flags->log_level);
  return Run(*flags);
}

}  // namespace
}  // namespace wxident::simulator

int main(int argc, char** argv) {
  return wxident::simulator::Main({argv + 1, argv + argc});
}

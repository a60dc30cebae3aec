#include "simulator/flags.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"
#include "simulator/endpoints.h"
#include "simulator/pages.h"
#include "simulator/settings.h"

namespace wxident::simulator {
namespace {

absl::Status Bad(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("--", name, ": ", what, " (--help explains all flags)"));
}

// "127.0.0.1:8443" or "[::1]:8443".
absl::Status ParseListen(absl::string_view text, Flags& flags) {
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port > 65535)
    return Bad("listen", "give ADDRESS:PORT like 127.0.0.1:0 or [::1]:8443");
  absl::string_view host = text.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[") && !absl::ConsumeSuffix(&host, "]"))
    return Bad("listen", "the '[' before an IPv6 address is not closed");
  flags.host = std::string(host);
  flags.port = static_cast<uint16_t>(port);
  return absl::OkStatus();
}

absl::Status ParseLogLevel(absl::string_view text, Flags& flags) {
  if (text == "debug")
    flags.log_level = LogLevel::kDebug;
  else if (text == "info")
    flags.log_level = LogLevel::kInfo;
  else if (text == "error")
    flags.log_level = LogLevel::kError;
  else
    return Bad("log-level", "give debug, info or error");
  return absl::OkStatus();
}

absl::Status ParseOne(absl::string_view name, const std::string& value,
                      Flags& flags) {
  if (name == "listen") return ParseListen(value, flags);
  if (name == "log-level") return ParseLogLevel(value, flags);
  if (name == "dir")
    flags.dir = value;
  else if (name == "config")
    flags.config_file = value;
  else if (name == "seed" && !absl::SimpleAtoi(value, &flags.seed))
    return Bad("seed", "give a whole number of 0 or more");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Flags> ParseFlags(const std::vector<std::string>& args) {
  Flags flags;
  for (size_t i = 0; i < args.size(); ++i) {
    absl::string_view name = args[i];
    if (name == "--help" || name == "-h") {
      flags.help = true;
      return flags;
    }
    if (!absl::ConsumePrefix(&name, "--"))
      return absl::InvalidArgumentError(
          absl::StrCat(args[i], ": not a flag (--help explains all flags)"));
    const size_t equals = name.find('=');
    std::string value;
    if (equals != absl::string_view::npos) {
      value = std::string(name.substr(equals + 1));
      name = name.substr(0, equals);
    }
    if (name != "listen" && name != "dir" && name != "seed" &&
        name != "config" && name != "log-level")
      return Bad(name, "no such flag");
    if (equals == absl::string_view::npos && ++i < args.size()) value = args[i];
    if (value.empty()) return Bad(name, "its value is missing");
    WX_RETURN_IF_ERROR(ParseOne(name, value, flags));
  }
  if (flags.dir.empty())
    return Bad("dir", "missing; give a folder for ca.pem and url");
  return flags;
}

std::string Help() {
  std::string endpoints;
  for (const Endpoint& endpoint : Endpoints())
    absl::StrAppend(&endpoints, "  ", endpoint.method, " ", endpoint.path,
                    "\n");
  for (absl::string_view page : Pages())
    absl::StrAppend(&endpoints, "  GET ", page, "\n");
  return absl::StrCat(
      R"(wechat-simulator: a behaving api.weixin.qq.com for tests.

Usage: wechat-simulator --dir DIR [--listen ADDRESS:PORT] [--seed N]
                        [--config FILE] [--log-level LEVEL]

  --dir DIR         folder for what clients need; made when it is not there.
                    ca.pem: trust this. url: the base URL, while it runs.
                    server.pem, server.key: used again on the next start
  --listen A:P      IP address and port; port 0 takes a free one
                    (default 127.0.0.1:0). Whoever reaches it controls it
  --seed N          0 to 18446744073709551615 (default 1). The same seed and
                    the same calls give the same openids, codes, tokens, keys
  --config FILE     JSON: {"apps": [...], "settings": {...}}, each app as in
                    POST /_sim/apps
  --log-level L     debug (every call), info or error (default info)
  --help            this text

When it listens it prints one JSON line to stdout: {"url":...,"ca":...}. The
log, JSON lines, goes to stderr. SIGTERM and SIGINT stop it; exit code 0. Exit
code 64: bad flag; 78: bad config file; 1: it could not start.

Endpoints:
)",
      endpoints, R"(
The control API is under /_sim/ (GET /_sim/state shows the world); README.md
has every call with an example.

Settings (config file, POST /_sim/settings):
)",
      SettingsHelp());
}

}  // namespace wxident::simulator

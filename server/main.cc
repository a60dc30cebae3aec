// wxidentd: the command line. Each command is in server/cli.

#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "server/base/version.h"
#include "server/cli/audit_command.h"
#include "server/cli/check_config.h"
#include "server/cli/exit_codes.h"
#include "server/cli/healthcheck.h"
#include "server/cli/keys_command.h"
#include "server/cli/process_hardening.h"
#include "server/cli/serve.h"
#include "server/config/config.h"

namespace wxident {
namespace {

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
  wxidentd version                             the version and its commit
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

int PrintVersion() {
  std::cout << "wxidentd " << Version() << " (commit " << Commit() << ")\n";
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
    if (argument == "--version") return PrintVersion();
  }
  if (command == "serve") return Serve(rest, Environment());
  if (command == "check-config")
    return CheckConfig(rest, Environment(), std::cout, std::cerr);
  if (command == "healthcheck") return HealthcheckCommand(rest);
  if (command == "audit") return AuditCommand(rest, std::cout, std::cerr);
  if (command == "keys")
    return KeysCommand(rest, Environment(), std::cout, std::cerr);
  if (command == "version") return PrintVersion();
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

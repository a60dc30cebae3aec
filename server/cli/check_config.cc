#include "server/cli/check_config.h"

#include "absl/status/status.h"
#include "server/cli/exit_codes.h"

namespace wxident {

absl::StatusOr<Config> ReadConfig(const std::vector<std::string>& arguments,
                                  const std::vector<std::string>& environment) {
  absl::StatusOr<ConfigSources> sources =
      ReadConfigSources(arguments, environment);
  if (!sources.ok()) return sources.status();
  return LoadConfig(*sources);
}

int CheckConfig(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment, std::ostream& out,
                std::ostream& err) {
  absl::StatusOr<Config> config = ReadConfig(arguments, environment);
  if (!config.ok()) {
    err << config.status().message() << "\n";
    return kExitConfig;
  }
  for (const std::string& warning : config->warnings)
    err << "warning: " << warning << "\n";
  out << "the configuration is good: " << config->apps.size() << " app(s)\n";
  return 0;
}

}  // namespace wxident

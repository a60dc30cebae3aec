#ifndef WXIDENT_SERVER_CLI_CHECK_CONFIG_H_
#define WXIDENT_SERVER_CLI_CHECK_CONFIG_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace wxident {

// Returns the configuration that a command's arguments and the environment, as
// in environ, say. Fails as ReadConfigSources and LoadConfig do.
absl::StatusOr<Config> ReadConfig(const std::vector<std::string>& arguments,
                                  const std::vector<std::string>& environment);

// `wxidentd check-config --config FILE [flags]`: tells whether `serve` could
// use this configuration, and what is wrong with it. Returns the exit code: 0
// it is good, 78 it is not.
int CheckConfig(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment, std::ostream& out,
                std::ostream& err);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CLI_CHECK_CONFIG_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "server/config/config.h"
#include "server/config/config_keys.h"
#include "server/config/files/config_problems.h"
#include "server/config/service_variables.h"

namespace wxident {
namespace {

constexpr char kConfigFlag[] = "--config";
constexpr char kConfigVariable[] = "WXIDENT_CONFIG";
// Set for tests; it may stand in a developer's shell.
constexpr char kToolsVariable[] = "WXIDENT_TOOLS_DIR";
// What the clients read: a service may run beside us in one environment.
constexpr char kClientPrefix[] = "WXIDENT_CLIENT_";

std::vector<std::string> Names(const std::map<std::string, std::string>& map) {
  std::vector<std::string> out;
  for (const auto& [name, unused] : map) out.push_back(name);
  return out;
}

void ReadArguments(const std::vector<std::string>& arguments,
                   ConfigSources& sources, std::vector<std::string>& problems) {
  std::map<std::string, std::string> keys = {{kConfigFlag, ""}};
  for (const ConfigKey& key : ConfigKeys()) keys[FlagOf(key.name)] = key.name;
  std::map<std::string, std::string> given;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const size_t equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    const auto known = keys.find(flag);
    if (known == keys.end()) {
      // What is no flag may be anything, even a secret that lost its flag.
      problems.push_back(
          absl::StartsWith(flag, "--")
              ? absl::StrCat(flag, ": unknown flag",
                             DidYouMean(flag, Names(keys)))
              : absl::StrCat("argument ", i + 1,
                             ": not a flag; flags look like --grpc-addr=VALUE "
                             "or --grpc-addr VALUE"));
      continue;
    }
    std::string value;
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (++i < arguments.size() &&
               !absl::StartsWith(arguments[i], "--")) {
      value = arguments[i];
    } else {
      --i;
      problems.push_back(
          absl::StrCat(flag, ": needs a value: ", flag, "=VALUE"));
      continue;
    }
    if (!given.emplace(flag, value).second)
      problems.push_back(absl::StrCat(flag, ": given twice"));
    else if (known->second.empty())
      sources.file = std::move(value);
    else
      sources.flags[known->second] = std::move(value);
  }
}

void ReadEnvironment(const std::vector<std::string>& environment,
                     ConfigSources& sources,
                     std::vector<std::string>& problems) {
  std::map<std::string, std::string> keys = {{kConfigVariable, ""}};
  for (const ConfigKey& key : ConfigKeys())
    keys[VariableOf(key.name)] = key.name;
  for (const std::string& variable : environment) {
    const size_t equals = variable.find('=');
    const std::string name = variable.substr(0, equals);
    if (!absl::StartsWith(name, "WXIDENT_") || equals == std::string::npos ||
        name == kToolsVariable || absl::StartsWith(name, kClientPrefix))
      continue;
    std::string value = variable.substr(equals + 1);
    const auto known = keys.find(name);
    if (known == keys.end() && IsServiceVariable(name, value))
      sources.service_variables.push_back(name);
    else if (known == keys.end())
      problems.push_back(absl::StrCat(name, ": unknown variable",
                                      DidYouMean(name, Names(keys))));
    else if (!known->second.empty())
      sources.variables[known->second] = std::move(value);
    else if (sources.file.empty())
      sources.file = std::move(value);
  }
}

}  // namespace

absl::StatusOr<ConfigSources> ReadConfigSources(
    const std::vector<std::string>& arguments,
    const std::vector<std::string>& environment) {
  ConfigSources sources;
  std::vector<std::string> problems;
  ReadArguments(arguments, sources, problems);
  ReadEnvironment(environment, sources, problems);
  if (!problems.empty())
    return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
  return sources;
}

}  // namespace wxident

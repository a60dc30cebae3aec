#include "server/cli/flag_arguments.h"

#include <cstddef>
#include <utility>

namespace wxident {

std::vector<FlagArgument> ReadFlagArguments(
    const std::vector<std::string>& arguments) {
  std::vector<FlagArgument> flags;
  for (size_t i = 0; i < arguments.size(); ++i) {
    FlagArgument flag{arguments[i], ""};
    if (const size_t equals = flag.name.find('=');
        equals != std::string::npos) {
      flag.value = flag.name.substr(equals + 1);
      flag.name.resize(equals);
    } else if (i + 1 < arguments.size()) {
      flag.value = arguments[++i];
    }
    flags.push_back(std::move(flag));
  }
  return flags;
}

}  // namespace wxident

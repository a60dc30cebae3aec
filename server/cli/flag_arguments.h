#ifndef WXIDENT_SERVER_CLI_FLAG_ARGUMENTS_H_
#define WXIDENT_SERVER_CLI_FLAG_ARGUMENTS_H_

#include <string>
#include <vector>

namespace wxident {

struct FlagArgument {
  // With its dashes.
  std::string name;
  // Empty when there is none.
  std::string value;
};

// The arguments of a command that are "--name=value" or "--name value". The
// names are not looked at.
std::vector<FlagArgument> ReadFlagArguments(
    const std::vector<std::string>& arguments);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CLI_FLAG_ARGUMENTS_H_

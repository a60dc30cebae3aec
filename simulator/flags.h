#ifndef WXIDENT_SIMULATOR_FLAGS_H_
#define WXIDENT_SIMULATOR_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/log.h"

namespace wxident::simulator {

// The command line.
struct Flags {
  bool help = false;
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string dir;
  uint64_t seed = 1;
  std::string config_file;
  LogLevel log_level = LogLevel::kInfo;
};

// `args` without the program's name. Both "--dir x" and "--dir=x" are taken.
// kInvalidArgument names the flag and says what to do.
absl::StatusOr<Flags> ParseFlags(const std::vector<std::string>& args);

// What --help prints.
std::string Help();

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_FLAGS_H_

#ifndef WXIDENT_TESTS_EDGE_GATE_PROGRAMS_H_
#define WXIDENT_TESTS_EDGE_GATE_PROGRAMS_H_

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace wxident {

// The path of a program of tools/gates, which script/bootstrap has built.
inline std::string GateProgram(const std::string& name) {
  const char* const tools = std::getenv("WXIDENT_TOOLS_DIR");
  return absl::StrCat(tools == nullptr ? "" : tools, "/bin/", name);
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_EDGE_GATE_PROGRAMS_H_

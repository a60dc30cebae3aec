#ifndef WXIDENT_TESTS_INTEGRATION_RING_FILE_H_
#define WXIDENT_TESTS_INTEGRATION_RING_FILE_H_

#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/crypto/base64.h"
#include "tests/integration/wxidentd.h"

namespace wxident {

// The line of a key in a ring's file; key 1 is the World's own. `other` makes
// another key of the same id.
inline std::string RingLine(const World& world, uint32_t id,
                            bool other = false) {
  if (id == 1 && !other) return "1 " + world.secrets()[0];
  std::string bytes = absl::StrCat("ring key ", id, other ? " other" : "");
  bytes.resize(32, '.');
  return absl::StrCat(id, " ", Base64Encode(bytes));
}

inline std::string RingText(const World& world,
                            const std::vector<uint32_t>& ids) {
  std::string text;
  for (uint32_t id : ids) absl::StrAppend(&text, RingLine(world, id), "\n");
  return text;
}

inline std::string RingFile(const World& world) {
  return world.dir() + "/ring.keys";
}

// Replaces the World's ring file whole.
inline void WriteRing(const World& world, const std::string& text,
                      mode_t mode = 0600) {
  const std::string temporary = RingFile(world) + ".new";
  std::ofstream(temporary) << text;
  chmod(temporary.c_str(), mode);
  rename(temporary.c_str(), RingFile(world).c_str());
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_RING_FILE_H_

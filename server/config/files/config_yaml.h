#ifndef WXIDENT_SERVER_CONFIG_FILES_CONFIG_YAML_H_
#define WXIDENT_SERVER_CONFIG_FILES_CONFIG_YAML_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace wxident {

// The small part of YAML that a config file needs: maps, lists and scalars.
struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  // In the file, from 1; a map's value has the line of its key.
  int line = 0;
  // A scalar's, without its quotes.
  std::string text;
  bool quoted = false;
  // A list's items, or a map's values in the order of `names`.
  std::vector<YamlNode> items;
  std::vector<std::string> names;
};

// Reads one document whose top is a map; an empty text is an empty map.
// Refused, as kInvalidArgument with a message that holds a line number and
// nothing of the text: what is not YAML, anchors, aliases and tags (a few lines
// of them make a tree of any size), a key twice in one map, nesting deeper than
// four, more than 20,000 nodes, control characters, a second document.
absl::StatusOr<YamlNode> ReadYaml(absl::string_view text);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CONFIG_FILES_CONFIG_YAML_H_

#ifndef WXIDENT_SERVER_CONFIG_FILES_CONFIG_PROBLEMS_H_
#define WXIDENT_SERVER_CONFIG_FILES_CONFIG_PROBLEMS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace wxident {

// What is wrong with a config, a line each: "<key> (<where>): <what>". After a
// hundred lines it says so and takes no more.
class ConfigProblems {
 public:
  void Add(absl::string_view key, absl::string_view where,
           absl::string_view what);
  // Whether Add was called for `key`.
  bool Has(absl::string_view key) const;

  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> keys_;
  std::vector<std::string> lines_;
};

// Where each key was set: "line 3", "--grpc-addr", "WXIDENT_GRPC_ADDR".
using ConfigPlaces = std::map<std::string, std::string>;

// A key of the file, which may hold anything, fit to be shown.
std::string ShownKey(absl::string_view key);

// "; did you mean X?", X being the one of `known` nearest to `text`, or "" when
// none is near.
std::string DidYouMean(absl::string_view text,
                       const std::vector<std::string>& known);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CONFIG_FILES_CONFIG_PROBLEMS_H_

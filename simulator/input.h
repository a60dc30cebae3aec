#ifndef WXIDENT_SIMULATOR_INPUT_H_
#define WXIDENT_SIMULATOR_INPUT_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "simulator/json.h"

namespace wxident::simulator {

// Reads the members of one JSON object that a person wrote. Each getter notes
// the first thing that is wrong and goes on with a harmless value, so a caller
// reads all it knows and then asks Finish(), which also refuses members that
// nobody asked for.
class Input {
 public:
  // `json` must outlive this.
  explicit Input(const Json& json);

  // `like` is an example for the error message.
  std::string Text(absl::string_view name, absl::string_view like);
  std::optional<std::string> OptionalText(absl::string_view name);
  std::optional<bool> OptionalBool(absl::string_view name);
  std::optional<int64_t> OptionalInteger(absl::string_view name, int64_t min,
                                         int64_t max);
  std::optional<double> OptionalNumber(absl::string_view name, double min,
                                       double max);
  std::optional<std::vector<std::string>> OptionalTexts(absl::string_view name);
  // nullptr when absent.
  const Json* OptionalObject(absl::string_view name);
  const Json* Any(absl::string_view name);

  // Notes an error unless there is one already.
  void Fail(absl::string_view name, absl::string_view what);

  // kInvalidArgument names the member and says what to do.
  absl::Status Finish() const;

 private:
  const Json& json_;
  std::set<std::string> asked_;
  absl::Status error_;
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_INPUT_H_

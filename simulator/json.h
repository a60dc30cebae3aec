#ifndef WXIDENT_SIMULATOR_JSON_H_
#define WXIDENT_SIMULATOR_JSON_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace wxident::simulator {

// Members keep the order in which they were written, as WeChat's answers do.
using Json = nlohmann::ordered_json;

// Not inline: each file that parses or writes takes long to compile.

// nullopt for anything that is not one JSON value.
std::optional<Json> ParseJson(absl::string_view text);

// Raw UTF-8; bytes that are no UTF-8 become U+FFFD.
std::string WriteJson(const Json& value);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_JSON_H_

#ifndef WXIDENT_SIMULATOR_JSON_H_
#define WXIDENT_SIMULATOR_JSON_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace wxident::simulator {

// Members keep the order in which they were written, as WeChat's answers do.
using Json = nlohmann::ordered_json;

// nullopt for anything that is not one JSON value.
inline std::optional<Json> ParseJson(absl::string_view text) {
  Json value = Json::parse(text.begin(), text.end(), /*cb=*/nullptr,
                           /*allow_exceptions=*/false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

// Raw UTF-8; bytes that are no UTF-8 become U+FFFD.
inline std::string WriteJson(const Json& value) {
  return value.dump(/*indent=*/-1, /*indent_char=*/' ', /*ensure_ascii=*/false,
                    Json::error_handler_t::replace);
}

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_JSON_H_

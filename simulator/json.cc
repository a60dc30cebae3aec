#include "simulator/json.h"

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace wxident::simulator {

std::optional<Json> ParseJson(absl::string_view text) {
  Json value = Json::parse(text.begin(), text.end(), /*cb=*/nullptr,
                           /*allow_exceptions=*/false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

std::string WriteJson(const Json& value) {
  return value.dump(/*indent=*/-1, /*indent_char=*/' ', /*ensure_ascii=*/false,
                    Json::error_handler_t::replace);
}

}  // namespace wxident::simulator

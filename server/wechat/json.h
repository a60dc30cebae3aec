#ifndef WXIDENT_SERVER_WECHAT_JSON_H_
#define WXIDENT_SERVER_WECHAT_JSON_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace wxident {

using Json = nlohmann::json;

// Parses one JSON object in valid UTF-8. nullopt for anything else, for a name
// that stands twice in an object, and for more than 16 levels. `read`, if
// given, gets how many bytes the parser took before it knew: its time grows
// with them.
std::optional<Json> ParseJsonObject(absl::string_view text,
                                    size_t* read = nullptr);

// The member's value; nullptr when it is absent or null.
const Json* FindMember(const Json& object, const char* name);

// The same, nullptr also when it is not text.
const std::string* FindText(const Json& object, const char* name);

// An integer that fits, not a number with a fraction or exponent.
std::optional<int64_t> ToInteger(const Json& value);

// The same, or such a number as text, which WeChat sends for some fields.
std::optional<int64_t> ToIntegerOrText(const Json& value);

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_JSON_H_

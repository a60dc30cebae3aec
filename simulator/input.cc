#include "simulator/input.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace wxident::simulator {

Input::Input(const Json& json) : json_(json) {
  if (!json_.is_object())
    error_ = absl::InvalidArgumentError("body: give a JSON object");
}

const Json* Input::Any(absl::string_view name) {
  asked_.emplace(name);
  if (!json_.is_object()) return nullptr;
  auto found = json_.find(std::string(name));
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

std::string Input::Text(absl::string_view name, absl::string_view like) {
  std::optional<std::string> text = OptionalText(name);
  if (!text.has_value() || text->empty())
    Fail(name, absl::StrCat("missing; give a text like ", like));
  return text.value_or("");
}

std::optional<std::string> Input::OptionalText(absl::string_view name) {
  const Json* value = Any(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  Fail(name, "give a text");
  return std::nullopt;
}

std::optional<bool> Input::OptionalBool(absl::string_view name) {
  const Json* value = Any(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  Fail(name, "give true or false");
  return std::nullopt;
}

std::optional<int64_t> Input::OptionalInteger(absl::string_view name,
                                              int64_t min, int64_t max) {
  const Json* value = Any(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_integer()) {
    const int64_t number = value->get<int64_t>();
    if (number >= min && number <= max) return number;
  }
  Fail(name, absl::StrCat("give a whole number from ", min, " to ", max));
  return std::nullopt;
}

std::optional<double> Input::OptionalNumber(absl::string_view name, double min,
                                            double max) {
  const Json* value = Any(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) {
    const double number = value->get<double>();
    if (number >= min && number <= max) return number;
  }
  Fail(name, absl::StrCat("give a number from ", min, " to ", max));
  return std::nullopt;
}

std::optional<std::vector<std::string>> Input::OptionalTexts(
    absl::string_view name) {
  const Json* value = Any(name);
  if (value == nullptr) return std::nullopt;
  std::vector<std::string> out;
  bool fits = value->is_array();
  if (fits) {
    for (const Json& element : *value) {
      fits = fits && element.is_string();
      if (fits) out.push_back(element.get<std::string>());
    }
  }
  if (fits) return out;
  Fail(name, "give a list of texts");
  return std::nullopt;
}

const Json* Input::OptionalObject(absl::string_view name) {
  const Json* value = Any(name);
  if (value == nullptr || value->is_object()) return value;
  Fail(name, "give a JSON object");
  return nullptr;
}

void Input::Fail(absl::string_view name, absl::string_view what) {
  if (error_.ok())
    error_ = absl::InvalidArgumentError(absl::StrCat(name, ": ", what));
}

absl::Status Input::Finish() const {
  // First, for a misspelt name is often why another one seems to be missing.
  if (json_.is_object()) {
    for (const auto& [name, value] : json_.items()) {
      if (asked_.count(name) == 0)
        return absl::InvalidArgumentError(absl::StrCat(
            name, ": no such field; known are ", absl::StrJoin(asked_, ", ")));
    }
  }
  return error_;
}

}  // namespace wxident::simulator

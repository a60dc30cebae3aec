#include "server/wechat/json.h"

#include <cstddef>
#include <iterator>
#include <limits>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace wxident {
namespace {

// The deepest object of WeChat's that we read has 3 levels.
constexpr int kMaxDepth = 16;

// Walks over a text and tells how far it got, whichever copy of it walked.
class CountedBytes {
 public:
  using difference_type = std::ptrdiff_t;
  using value_type = char;
  using pointer = const char*;
  using reference = const char&;
  using iterator_category = std::input_iterator_tag;

  // `count` outlives it and all its copies.
  CountedBytes(const char* at, size_t& count) : at_(at), count_(&count) {}

  reference operator*() const { return *at_; }
  CountedBytes& operator++() {
    ++at_;
    ++*count_;
    return *this;
  }
  bool operator==(const CountedBytes& other) const { return at_ == other.at_; }
  bool operator!=(const CountedBytes& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  size_t* count_;
};

}  // namespace

std::optional<Json> ParseJsonObject(absl::string_view text, size_t* read) {
  // The parser takes a NUL for the end, whatever follows.
  bool bad = text.find('\0') != absl::string_view::npos;
  // The names seen so far in each object that is open.
  std::vector<std::set<std::string>> names;
  const auto on_event = [&](int depth, Json::parse_event_t event,
                            Json& parsed) {
    if (depth > kMaxDepth) bad = true;
    // What is discarded is not kept, so a hostile body stays small.
    if (bad) return false;
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key &&
        !names.back().insert(parsed.get<std::string>()).second)
      bad = true;
    return !bad;
  };
  size_t count = 0;
  Json json = Json::parse(CountedBytes(text.data(), count),
                          CountedBytes(text.data() + text.size(), count),
                          on_event, /*allow_exceptions=*/false);
  if (read != nullptr) *read = count;
  if (bad || !json.is_object()) return std::nullopt;
  return json;
}

const Json* FindMember(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const std::string* FindText(const Json& object, const char* name) {
  const Json* value = FindMember(object, name);
  return value != nullptr && value->is_string()
             ? &value->get_ref<const std::string&>()
             : nullptr;
}

std::optional<int64_t> ToInteger(const Json& value) {
  if (value.is_number_unsigned()) {
    const uint64_t number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  return std::nullopt;
}

std::optional<int64_t> ToIntegerOrText(const Json& value) {
  if (!value.is_string()) return ToInteger(value);
  const std::string& text = value.get_ref<const std::string&>();
  int64_t number = 0;
  // SimpleAtoi also takes white space and '+'.
  if (text.empty() || !(absl::ascii_isdigit(text[0]) || text[0] == '-') ||
      !absl::ascii_isdigit(text.back()) || !absl::SimpleAtoi(text, &number))
    return std::nullopt;
  return number;
}

}  // namespace wxident

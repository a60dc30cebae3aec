#include "server/wechat/response.h"

#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/utf8.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsHexGroup(absl::string_view text) {
  if (text.size() != 8) return false;
  for (char c : text)
    if (!absl::ascii_isdigit(c) && !(c >= 'a' && c <= 'f')) return false;
  return true;
}

absl::Status BadField(const char* name, absl::string_view what) {
  return BadResponse(absl::StrCat(name, " ", what));
}

}  // namespace

std::string CleanBody(absl::string_view body) {
  absl::ConsumePrefix(&body, kByteOrderMark);
  std::string out = WithValidUtf8(body);
  bool in_string = false;
  bool escaped = false;
  for (char& c : out) {
    if (in_string && c >= 0 && c < 0x20) c = ' ';
    if (in_string && escaped) {
      escaped = false;
    } else if (in_string && c == '\\') {
      escaped = true;
    } else if (c == '"') {
      in_string = !in_string;
    }
  }
  return out;
}

std::string FindRid(absl::string_view errmsg) {
  constexpr absl::string_view kLabel = "rid: ";
  constexpr size_t kSize = 26;
  for (size_t at = errmsg.find(kLabel); at != absl::string_view::npos;
       at = errmsg.find(kLabel, at + 1)) {
    const absl::string_view rid = errmsg.substr(at + kLabel.size(), kSize);
    if (rid.size() == kSize && IsHexGroup(rid.substr(0, 8)) && rid[8] == '-' &&
        IsHexGroup(rid.substr(9, 8)) && rid[17] == '-' &&
        IsHexGroup(rid.substr(18, 8)))
      return std::string(rid);
  }
  return "";
}

absl::Status BadResponse(absl::string_view what) {
  return Error(Reason::kWechatBadResponse,
               absl::StrCat("WeChat's answer is not understood: ", what,
                            "; retry, a login with a new code"))
      .ToStatus();
}

absl::StatusOr<WechatResponse> WechatResponse::Parse(absl::string_view body) {
  std::optional<Json> json = ParseJsonObject(CleanBody(body));
  if (!json.has_value()) return BadResponse("it is not a JSON object");
  int64_t errcode = 0;
  if (json->contains("errcode")) {
    const std::optional<int64_t> number = ToIntegerOrText((*json)["errcode"]);
    if (!number.has_value()) return BadField("errcode", "is not an integer");
    errcode = *number;
  }
  std::string rid;
  const Json* errmsg = FindMember(*json, "errmsg");
  if (errmsg != nullptr && errmsg->is_string())
    rid = FindRid(errmsg->get_ref<const std::string&>());
  return WechatResponse(*std::move(json), errcode, std::move(rid));
}

WechatResponse::WechatResponse(Json json, int64_t errcode, std::string rid)
    : json_(std::move(json)), errcode_(errcode), rid_(std::move(rid)) {}

absl::StatusOr<std::string> WechatResponse::Text(const char* name,
                                                 size_t max_size) const {
  absl::StatusOr<std::string> text = OptionalText(name, max_size);
  if (text.ok() && text->empty()) return BadField(name, "is missing");
  return text;
}

absl::StatusOr<std::string> WechatResponse::OptionalText(
    const char* name, size_t max_size) const {
  const Json* value = FindMember(json_, name);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return BadField(name, "is not text");
  const std::string& text = value->get_ref<const std::string&>();
  if (text.size() > max_size) return BadField(name, "is too long");
  return text;
}

absl::StatusOr<std::optional<int64_t>> WechatResponse::OptionalInteger(
    const char* name) const {
  const Json* value = FindMember(json_, name);
  if (value == nullptr) return std::optional<int64_t>();
  const std::optional<int64_t> number = ToInteger(*value);
  if (!number.has_value()) return BadField(name, "is not an integer");
  return number;
}

absl::StatusOr<std::optional<bool>> WechatResponse::OptionalFlag(
    const char* name) const {
  const Json* value = FindMember(json_, name);
  if (value == nullptr || *value == "") return std::optional<bool>();
  if (value->is_boolean()) return std::optional<bool>(value->get<bool>());
  const std::optional<int64_t> number = ToIntegerOrText(*value);
  if (number != 0 && number != 1) return BadField(name, "is not 0 or 1");
  return std::optional<bool>(number == 1);
}

absl::StatusOr<std::vector<std::string>> WechatResponse::OptionalTexts(
    const char* name, size_t max_count, size_t max_size) const {
  std::vector<std::string> texts;
  const Json* list = FindMember(json_, name);
  if (list == nullptr) return texts;
  if (!list->is_array()) return BadField(name, "is not a list");
  if (list->size() > max_count) return BadField(name, "is too long");
  for (const Json& item : *list) {
    if (!item.is_string()) return BadField(name, "holds what is not text");
    const std::string& text = item.get_ref<const std::string&>();
    if (text.size() > max_size) return BadField(name, "holds too long a text");
    texts.push_back(text);
  }
  return texts;
}

absl::StatusOr<std::vector<int64_t>> WechatResponse::OptionalIntegers(
    const char* name, size_t max_count) const {
  std::vector<int64_t> numbers;
  const Json* list = FindMember(json_, name);
  if (list == nullptr) return numbers;
  if (!list->is_array()) return BadField(name, "is not a list");
  if (list->size() > max_count) return BadField(name, "is too long");
  for (const Json& item : *list) {
    const std::optional<int64_t> number = ToInteger(item);
    if (!number.has_value()) return BadField(name, "holds what is no integer");
    numbers.push_back(*number);
  }
  return numbers;
}

absl::StatusOr<std::vector<WechatResponse>> WechatResponse::Objects(
    const char* name, size_t max_count) const {
  const Json* list = FindMember(json_, name);
  if (list == nullptr) return BadField(name, "is missing");
  if (!list->is_array()) return BadField(name, "is not a list");
  if (list->size() > max_count) return BadField(name, "is too long");
  std::vector<WechatResponse> objects;
  for (const Json& item : *list)
    if (item.is_object())
      objects.push_back(WechatResponse(item, errcode_, rid_));
  return objects;
}

absl::StatusOr<const Json*> WechatResponse::Object(const char* name) const {
  const Json* value = FindMember(json_, name);
  if (value == nullptr) return BadField(name, "is missing");
  if (!value->is_object()) return BadField(name, "is not an object");
  return value;
}

}  // namespace wxident

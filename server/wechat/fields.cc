#include "server/wechat/fields.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/secret.h"

namespace wxident {
namespace {

constexpr size_t kMaxPhoneSize = 32;
constexpr size_t kMaxCountryCodeSize = 8;

// Text of 1 to `max_size` digits, with a '+' before them where allowed.
bool IsDigits(absl::string_view text, size_t max_size, bool plus) {
  if (plus && !text.empty() && text[0] == '+') text.remove_prefix(1);
  if (text.empty() || text.size() > max_size) return false;
  for (char c : text)
    if (!absl::ascii_isdigit(c)) return false;
  return true;
}

}  // namespace

std::optional<absl::Time> ReadWatermark(const Json& object,
                                        absl::string_view app_id) {
  const Json* watermark = FindMember(object, "watermark");
  if (watermark == nullptr || !watermark->is_object()) return std::nullopt;
  const std::string* app = FindText(*watermark, "appid");
  const Json* timestamp = FindMember(*watermark, "timestamp");
  if (app == nullptr || absl::string_view(*app) != app_id ||
      timestamp == nullptr)
    return std::nullopt;
  const std::optional<int64_t> seconds = ToInteger(*timestamp);
  // Up to the year 9999, which is what our callers' Timestamp can hold.
  if (!seconds.has_value() || *seconds < 0 || *seconds > 253402300799)
    return std::nullopt;
  return absl::FromUnixSeconds(*seconds);
}

std::optional<Phone> ReadPhone(const Json& object) {
  const std::string* number = FindText(object, "phoneNumber");
  const std::string* pure = FindText(object, "purePhoneNumber");
  const Json* country = FindMember(object, "countryCode");
  if (number == nullptr || !IsDigits(*number, kMaxPhoneSize, /*plus=*/true) ||
      pure == nullptr || !IsDigits(*pure, kMaxPhoneSize, /*plus=*/false) ||
      country == nullptr)
    return std::nullopt;
  const std::optional<int64_t> code = ToIntegerOrText(*country);
  if (!code.has_value()) return std::nullopt;
  Phone phone;
  phone.country_code = country->is_string()
                           ? country->get_ref<const std::string&>()
                           : absl::StrCat(*code);
  if (!IsDigits(phone.country_code, kMaxCountryCodeSize, /*plus=*/false))
    return std::nullopt;
  phone.phone_number = Secret(*number);
  phone.pure_phone_number = Secret(*pure);
  return phone;
}

// In valid UTF-8, C1's 0x80 to 0x9f stand behind 0xc2.
std::string WithoutControls(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next =
        static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (c < 0x20 || c == 0x7f) continue;
    if (c == 0xc2 && next >= 0x80 && next <= 0x9f) {
      ++i;
      continue;
    }
    out += text[i];
  }
  return out;
}

}  // namespace wxident

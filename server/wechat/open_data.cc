#include "server/wechat/open_data.h"

#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/aes_cbc.h"
#include "server/crypto/base64.h"
#include "server/crypto/hash.h"
#include "server/identity/error.h"
#include "server/identity/ids.h"
#include "server/wechat/json.h"

namespace wxident {
namespace {

constexpr size_t kKeySize = 16;
constexpr size_t kMaxIdSize = 128;
constexpr size_t kMaxPhoneSize = 32;
constexpr size_t kMaxCountryCodeSize = 8;
// How far WeChat's clock may be ahead of ours.
constexpr absl::Duration kClockSkew = absl::Minutes(5);

absl::Status Rejected() {
  return Error(Reason::kDecryptRejected,
               "the encrypted data does not open, or is not what WeChat makes "
               "for this app; log in again, then ask WeChat for it again")
      .ToStatus();
}

// Through a volatile pointer, so that the compiler cannot leave it out.
void Wipe(std::string& text) {
  text.resize(text.capacity());
  volatile char* bytes = text.data();
  for (size_t i = 0; i < text.size(); ++i) bytes[i] = 0;
  text.clear();
}

void Wipe(Json& json) {
  if (json.is_string()) {
    Wipe(json.get_ref<std::string&>());
  } else if (json.is_structured()) {
    for (Json& part : json) Wipe(part);
  }
}

// A payload that is wiped in the end.
class Payload {
 public:
  explicit Payload(Json json) : json_(std::move(json)) {}
  Payload(Payload&& other) noexcept : json_(std::move(other.json_)) {}
  Payload& operator=(Payload&&) = delete;
  ~Payload() { Wipe(json_); }

  const Json& json() const { return json_; }

 private:
  Json json_;
};

// What the ciphertext holds under one key; nullopt when anything is wrong.
std::optional<Payload> OpenUnder(const Secret& session_key,
                                 const OpenDataInput& input) {
  std::optional<std::string> decoded = Base64Decode(session_key.Expose());
  // Keys that are no keys take as long as others.
  const Secret key(decoded.has_value() && decoded->size() == kKeySize
                       ? *std::move(decoded)
                       : std::string(kKeySize, '\0'));
  std::optional<std::string> opened =
      AesCbcDecrypt(key.Expose(), input.iv, input.ciphertext);
  if (!opened.has_value()) return std::nullopt;
  const Secret plaintext(*std::move(opened));
  std::optional<Json> json = ParseJsonObject(plaintext.Expose());
  if (!json.has_value()) return std::nullopt;
  return Payload(*std::move(json));
}

// The watermark's time, when the watermark fits.
std::optional<absl::Time> CheckWatermark(const Json& payload,
                                         const OpenDataInput& input) {
  const Json* watermark = FindMember(payload, "watermark");
  if (watermark == nullptr || !watermark->is_object()) return std::nullopt;
  const Json* app_id = FindMember(*watermark, "appid");
  const Json* timestamp = FindMember(*watermark, "timestamp");
  if (app_id == nullptr || !app_id->is_string() ||
      absl::string_view(app_id->get_ref<const std::string&>()) !=
          input.app_id ||
      timestamp == nullptr)
    return std::nullopt;
  const std::optional<int64_t> seconds = ToInteger(*timestamp);
  // Up to the year 9999, which is what our callers' Timestamp can hold.
  if (!seconds.has_value() || *seconds < 0 || *seconds > 253402300799)
    return std::nullopt;
  const absl::Time time = absl::FromUnixSeconds(*seconds);
  if (input.max_age != absl::InfiniteDuration() &&
      (time < input.now - input.max_age || time > input.now + kClockSkew))
    return std::nullopt;
  return time;
}

using Reader = absl::FunctionRef<bool(const Json&, absl::Time)>;

// Lets `read` take the payload under the first key that fits it whole. Every
// key is tried to the end.
absl::Status Open(const OpenDataInput& input, Reader read) {
  if (input.iv.size() != kKeySize) return Rejected();
  bool opened = false;
  for (const Secret& key : input.session_keys) {
    const std::optional<Payload> payload = OpenUnder(key, input);
    if (!payload.has_value() || opened) continue;
    const std::optional<absl::Time> time =
        CheckWatermark(payload->json(), input);
    opened = time.has_value() && read(payload->json(), *time);
  }
  return opened ? absl::OkStatus() : Rejected();
}

// Text of 1 to `max_size` digits, with a '+' before them where allowed.
bool IsDigits(absl::string_view text, size_t max_size, bool plus) {
  if (plus && !text.empty() && text[0] == '+') text.remove_prefix(1);
  if (text.empty() || text.size() > max_size) return false;
  for (char c : text)
    if (!absl::ascii_isdigit(c)) return false;
  return true;
}

// nullptr when the member is absent or not text.
const std::string* FindText(const Json& payload, const char* name) {
  const Json* value = FindMember(payload, name);
  return value != nullptr && value->is_string()
             ? &value->get_ref<const std::string&>()
             : nullptr;
}

// Text without control characters (Unicode's category Cc), of a string in
// valid UTF-8: there C1's 0x80 to 0x9f stand behind 0xc2.
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

// Takes an optional text into `out`; false when it is there and not text.
bool TakeText(const Json& payload, const char* name, std::string& out) {
  if (FindMember(payload, name) == nullptr) return true;
  const std::string* text = FindText(payload, name);
  if (text == nullptr) return false;
  out = WithoutControls(*text);
  return true;
}

// The same for an id of WeChat's.
bool TakeId(const Json& payload, const char* name, std::string& out) {
  if (!TakeText(payload, name, out)) return false;
  out = std::string(absl::StripAsciiWhitespace(out));
  return out.empty() || IsWechatId(out, kMaxIdSize);
}

bool ReadPhone(const Json& payload, absl::Time time, Phone& phone) {
  const std::string* number = FindText(payload, "phoneNumber");
  const std::string* pure = FindText(payload, "purePhoneNumber");
  const Json* country = FindMember(payload, "countryCode");
  if (number == nullptr || !IsDigits(*number, kMaxPhoneSize, /*plus=*/true) ||
      pure == nullptr || !IsDigits(*pure, kMaxPhoneSize, /*plus=*/false) ||
      country == nullptr)
    return false;
  const std::optional<int64_t> code = ToIntegerOrText(*country);
  if (!code.has_value()) return false;
  phone.country_code = country->is_string()
                           ? country->get_ref<const std::string&>()
                           : absl::StrCat(*code);
  if (!IsDigits(phone.country_code, kMaxCountryCodeSize, /*plus=*/false))
    return false;
  phone.phone_number = Secret(*number);
  phone.pure_phone_number = Secret(*pure);
  phone.watermark_time = time;
  return true;
}

bool ReadProfile(const Json& payload, absl::Time time,
                 absl::string_view expected_openid, OpenedProfile& opened) {
  Profile& profile = opened.profile;
  // What tells a profile from other open data.
  if (FindText(payload, "nickName") == nullptr) return false;
  if (const Json* gender = FindMember(payload, "gender")) {
    const std::optional<int64_t> number = ToInteger(*gender);
    if (!number.has_value()) return false;
    profile.gender = *number == 1   ? Gender::kMale
                     : *number == 2 ? Gender::kFemale
                                    : Gender::kUnspecified;
  }
  profile.source = ProfileSource::kEncryptedProfile;
  profile.fetched_at = time;
  std::string openid;
  return TakeText(payload, "nickName", profile.nickname) &&
         TakeText(payload, "avatarUrl", profile.avatar_url) &&
         TakeText(payload, "language", profile.language) &&
         TakeText(payload, "country", profile.country) &&
         TakeText(payload, "province", profile.province) &&
         TakeText(payload, "city", profile.city) &&
         TakeId(payload, "unionId", opened.unionid) &&
         TakeId(payload, "openId", openid) &&
         (openid.empty() || absl::string_view(openid) == expected_openid);
}

// Whether signature == hex(SHA-1(raw_data + session_key)) under any key. Every
// key is tried.
bool SignatureFits(absl::string_view raw_data, absl::string_view signature,
                   const std::vector<Secret>& session_keys) {
  bool fits = false;
  for (const Secret& key : session_keys) {
    const Secret text(absl::StrCat(raw_data, key.Expose()));
    fits |= ConstantTimeEquals(absl::BytesToHexString(Sha1(text.Expose())),
                               signature);
  }
  return fits;
}

}  // namespace

absl::StatusOr<Phone> OpenPhone(const OpenDataInput& input) {
  Phone phone;
  const absl::Status status =
      Open(input, [&](const Json& payload, absl::Time time) {
        return ReadPhone(payload, time, phone);
      });
  if (!status.ok()) return status;
  return phone;
}

absl::StatusOr<OpenedProfile> OpenProfile(const OpenDataInput& input,
                                          const ProfileProof& proof) {
  OpenedProfile opened;
  const absl::Status status =
      Open(input, [&](const Json& payload, absl::Time time) {
        // A payload that fails half-way must leave nothing behind.
        OpenedProfile candidate;
        if (!ReadProfile(payload, time, proof.openid, candidate)) return false;
        opened = std::move(candidate);
        return true;
      });
  const bool signature_given =
      !proof.raw_data.empty() || !proof.signature.empty();
  if (signature_given &&
      !SignatureFits(proof.raw_data, proof.signature, input.session_keys))
    return Rejected();
  if (!status.ok()) return status;
  return opened;
}

}  // namespace wxident

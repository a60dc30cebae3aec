#include "server/wechat/open_data.h"

#include <algorithm>
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
#include "server/wechat/fields.h"
#include "server/wechat/json.h"

namespace wxident {
namespace {

constexpr size_t kKeySize = 16;
constexpr size_t kMaxIdSize = 128;
// How far the clock that wrote it may be ahead of what is taken for WeChat's.
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
  Payload(Secret text, Json json)
      : text_(std::move(text)), json_(std::move(json)) {}
  Payload(Payload&& other) noexcept
      : text_(std::move(other.text_)), json_(std::move(other.json_)) {}
  Payload& operator=(Payload&&) = delete;
  ~Payload() { Wipe(json_); }

  const Secret& text() const { return text_; }
  const Json& json() const { return json_; }

 private:
  Secret text_;
  Json json_;
};

// Parses a JSON object of about `size` bytes, shaped as WeChat's are, and
// throws it away.
void ParseInstead(size_t size) {
  constexpr absl::string_view kElement = R"("13580006666",)";
  std::string text = R"({"":[)";
  while (text.size() + kElement.size() < size)
    text.append(kElement.data(), kElement.size());
  text += "0]}";
  std::optional<Json> json = ParseJsonObject(text);
  if (json.has_value()) Wipe(*json);
}

// The payload; nullopt for what is none. The parser stops at the first byte
// that is wrong, so that its time would tell how much of a changed text is
// still JSON. Hence what it leaves over is made up for: every text of one size
// costs one parse of that size and, for that is not free either, one parse
// error.
std::optional<Payload> ParsePayload(std::string text) {
  const size_t size = text.size();
  size_t read = 0;
  Secret plaintext(std::move(text));
  std::optional<Json> json = ParseJsonObject(plaintext.Expose(), &read);
  if (!json.has_value()) {
    ParseInstead(size - std::min(read, size));
    return std::nullopt;
  }
  (void)ParseJsonObject("");
  return Payload(std::move(plaintext), *std::move(json));
}

// What the ciphertext holds under one key; nullopt when anything is wrong. A
// wrong padding is found out as late, and takes as long, as everything else.
std::optional<Payload> OpenUnder(const Secret& session_key,
                                 const OpenDataInput& input) {
  std::optional<std::string> decoded = Base64Decode(session_key.Expose());
  // Keys that are no keys take as long as others.
  const Secret key(decoded.has_value() && decoded->size() == kKeySize
                       ? *std::move(decoded)
                       : std::string(kKeySize, '\0'));
  std::optional<AesCbcText> opened =
      AesCbcOpen(key.Expose(), input.iv, input.ciphertext);
  if (!opened.has_value()) return std::nullopt;
  std::optional<Payload> payload = ParsePayload(std::move(opened->text));
  if (!opened->padding_fits) return std::nullopt;
  return payload;
}

// The watermark's time, when the watermark fits.
std::optional<absl::Time> CheckWatermark(const Json& payload,
                                         const OpenDataInput& input) {
  const std::optional<absl::Time> time = ReadWatermark(payload, input.app_id);
  if (time.has_value() && input.max_age != absl::InfiniteDuration() &&
      (*time < input.now - input.max_age || *time > input.now + kClockSkew))
    return std::nullopt;
  return time;
}

using Reader = absl::FunctionRef<bool(const Payload&, absl::Time)>;

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
    opened = time.has_value() && read(*payload, *time);
  }
  return opened ? absl::OkStatus() : Rejected();
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
  std::optional<Phone> phone;
  const absl::Status status =
      Open(input, [&](const Payload& payload, absl::Time time) {
        phone = ReadPhone(payload.json());
        if (phone.has_value()) phone->watermark_time = time;
        return phone.has_value();
      });
  if (!status.ok()) return status;
  return *std::move(phone);
}

absl::StatusOr<OpenedData> OpenData(const OpenDataInput& input) {
  OpenedData opened;
  const absl::Status status =
      Open(input, [&](const Payload& payload, absl::Time time) {
        opened.json = payload.text().Expose();
        opened.watermark_time = time;
        return true;
      });
  if (!status.ok()) return status;
  return opened;
}

absl::StatusOr<OpenedProfile> OpenProfile(const OpenDataInput& input,
                                          const ProfileProof& proof) {
  OpenedProfile opened;
  const absl::Status status =
      Open(input, [&](const Payload& payload, absl::Time time) {
        // A payload that fails half-way must leave nothing behind.
        OpenedProfile candidate;
        if (!ReadProfile(payload.json(), time, proof.openid, candidate))
          return false;
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

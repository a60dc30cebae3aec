#ifndef WXIDENT_SERVER_WECHAT_OPEN_DATA_H_
#define WXIDENT_SERVER_WECHAT_OPEN_DATA_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/crypto/secret.h"
#include "server/identity/types.h"

namespace wxident {

// Encrypted open data of a mini program, base64 already decoded.
struct OpenDataInput {
  absl::string_view ciphertext;
  // 16 bytes.
  absl::string_view iv;
  // The user's session_keys (base64 text), newest first. Each is tried, and
  // all are tried whichever fits, so that timing does not tell which did.
  const std::vector<Secret>& session_keys;
  // What watermark.appid must be.
  absl::string_view app_id;
  // watermark.timestamp must lie in [now - max_age, now + 5 min], where `now`
  // is by WeChat's clock.
  // absl::InfiniteDuration() accepts any time.
  absl::Time now;
  absl::Duration max_age;
};

// Every function here answers every bad input, whatever is wrong with it, with
// one and the same DECRYPT_REJECTED: padding, UTF-8, JSON, fields, watermark.
// For ciphertexts of one size the work is the same too: under each key one
// decryption and one parse of that many bytes, whether or not the padding fits
// and wherever the text ceases to be JSON. The cipher authenticates nothing, so
// a difference would decrypt for whoever may ask often enough; see
// server/person/decrypt_rate_limiter.h.

absl::StatusOr<Phone> OpenPhone(const OpenDataInput& input);

struct OpenedData {
  // The JSON object as WeChat encrypted it.
  std::string json;
  absl::Time watermark_time;
};
// Any other open data: one JSON object with a watermark.
absl::StatusOr<OpenedData> OpenData(const OpenDataInput& input);

// What else must fit an encrypted profile.
struct ProfileProof {
  // Whose profile it must be, where the payload names somebody.
  absl::string_view openid;
  // rawData byte for byte and its signature, hex(SHA-1(raw_data +
  // session_key)) under any of the keys. Both empty: not checked.
  absl::string_view raw_data;
  absl::string_view signature;
};

struct OpenedProfile {
  Profile profile;
  // Empty when the payload had none.
  std::string unionid;
};

absl::StatusOr<OpenedProfile> OpenProfile(const OpenDataInput& input,
                                          const ProfileProof& proof);

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_OPEN_DATA_H_

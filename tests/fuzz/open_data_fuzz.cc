// Encrypted open data. The first byte chooses: an odd one takes the rest as iv
// and ciphertext, an even one as a payload that is encrypted first, so that the
// fuzzer gets behind the cipher. Whatever comes, it opens or is
// DECRYPT_REJECTED.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/crypto/aes_cbc.h"
#include "server/crypto/base64.h"
#include "server/identity/error.h"
#include "server/wechat/open_data.h"

namespace {

constexpr char kSessionKey[] = "tiihtNczf5v6AKRyjwEUhQ==";

void Check(bool ok) {
  if (!ok) std::abort();
}

void CheckStatus(const absl::Status& status) {
  Check(status.ok() ||
        wxident::HasReason(status, wxident::Reason::kDecryptRejected));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const bool raw = data[0] % 2 == 1;
  const absl::string_view rest(reinterpret_cast<const char*>(data) + 1,
                               size - 1);
  const std::string iv(raw ? std::string(rest.substr(0, 16))
                           : std::string(16, 'i'));
  const std::string ciphertext =
      raw ? std::string(rest.substr(std::min<size_t>(16, rest.size())))
          : wxident::AesCbcEncrypt(*wxident::Base64Decode(kSessionKey), iv,
                                   rest);
  const std::vector<wxident::Secret> keys = {
      wxident::Secret("+fiPjVsVLugwo80z4CGYqA=="),
      wxident::Secret(kSessionKey)};
  const wxident::OpenDataInput input{ciphertext,
                                     iv,
                                     keys,
                                     "wx4f4bc4dec97d474b",
                                     absl::UnixEpoch(),
                                     absl::InfiniteDuration()};
  const absl::StatusOr<wxident::Phone> phone = wxident::OpenPhone(input);
  CheckStatus(phone.status());
  if (phone.ok()) {
    Check(!phone->phone_number.empty() && !phone->country_code.empty());
    Check(phone->watermark_time >= absl::UnixEpoch());
  }
  const absl::StatusOr<wxident::OpenedData> opened = wxident::OpenData(input);
  CheckStatus(opened.status());
  if (opened.ok()) Check(!opened->json.empty());
  // A phone or profile is data too.
  if (phone.ok()) Check(opened.ok());
  const absl::StatusOr<wxident::OpenedProfile> profile =
      wxident::OpenProfile(input, {"oGZUI0egBJY1zhBYw2KhdUfwVJJE", "", ""});
  CheckStatus(profile.status());
  if (profile.ok())
    for (char c : profile->profile.nickname)
      Check(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  return 0;
}

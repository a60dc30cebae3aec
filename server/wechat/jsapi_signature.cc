#include "server/wechat/jsapi_signature.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/hash.h"

namespace wxident {
namespace {

constexpr size_t kNonceSize = 16;
constexpr absl::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

}  // namespace

std::string SignJsapi(const Secret& ticket, absl::string_view nonce,
                      int64_t timestamp, absl::string_view url) {
  const Secret text(absl::StrCat("jsapi_ticket=", ticket.Expose(),
                                 "&noncestr=", nonce, "&timestamp=", timestamp,
                                 "&url=", url.substr(0, url.find('#'))));
  return absl::BytesToHexString(Sha1(text.Expose()));
}

std::string NewJsapiNonce(Random& random) {
  std::string nonce;
  while (nonce.size() < kNonceSize) {
    for (const char byte : random.Bytes(kNonceSize - nonce.size())) {
      // Six bits; the two values beyond the alphabet are drawn again, for a
      // remainder would make some characters likelier.
      const size_t index = static_cast<unsigned char>(byte) & 63U;
      if (index < kAlphabet.size()) nonce.push_back(kAlphabet[index]);
    }
  }
  return nonce;
}

}  // namespace wxident

#include "server/crypto/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

namespace wxident {
namespace {

std::string Digest(const EVP_MD* kind, absl::string_view data) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  // Fails only when OpenSSL cannot allocate or has no such digest.
  if (EVP_Digest(data.data(), data.size(), out, &size, kind, nullptr) != 1)
    std::abort();
  return std::string(reinterpret_cast<char*>(out), size);
}

}  // namespace

std::string Sha256(absl::string_view data) {
  return Digest(EVP_sha256(), data);
}

std::string Sha1(absl::string_view data) { return Digest(EVP_sha1(), data); }

std::string HmacSha256(absl::string_view key, absl::string_view data) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(data.data()), data.size(),
           out, &size) == nullptr)
    std::abort();
  return std::string(reinterpret_cast<char*>(out), size);
}

bool ConstantTimeEquals(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() &&
         CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace wxident

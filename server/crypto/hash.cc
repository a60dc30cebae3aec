#include "server/crypto/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

#include "server/crypto/openssl_ptr.h"

namespace wxident {
namespace {

// To look an algorithm up and to make a context takes OpenSSL 3 several times
// as long as to hash a token: both are done once, a context for each thread.
std::string Digest(const EVP_MD* kind, absl::string_view data) {
  thread_local const DigestPtr context(EVP_MD_CTX_new());
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  // Fails only when OpenSSL cannot allocate or has no such digest.
  if (context == nullptr || kind == nullptr ||
      EVP_DigestInit_ex(context.get(), kind, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), data.data(), data.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out, &size) != 1)
    std::abort();
  return std::string(reinterpret_cast<char*>(out), size);
}

}  // namespace

std::string Sha256(absl::string_view data) {
  static const EVP_MD* const kind = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return Digest(kind, data);
}

std::string Sha1(absl::string_view data) {
  static const EVP_MD* const kind = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  return Digest(kind, data);
}

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

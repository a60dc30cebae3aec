#include "server/crypto/hmac_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "server/crypto/openssl_ptr.h"

namespace wxident {
namespace {

constexpr size_t kBlock = 64;
constexpr size_t kSize = 32;

using Block = std::array<unsigned char, kBlock>;

// OpenSSL cannot allocate, or has no SHA-256.
void Need(int done) {
  if (done != 1) std::abort();
}

// A hash that has taken in the key, with each byte changed by `pad` (RFC 2104).
DigestPtr Begin(Block key, unsigned char pad) {
  for (unsigned char& byte : key) byte ^= pad;
  DigestPtr hash(EVP_MD_CTX_new());
  Need(hash != nullptr);
  Need(EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr));
  Need(EVP_DigestUpdate(hash.get(), key.data(), key.size()));
  OPENSSL_cleanse(key.data(), key.size());
  return hash;
}

// Goes on with `data` from where `begun` stands.
void Finish(EVP_MD_CTX* scratch, const DigestPtr& begun, const void* data,
            size_t size, unsigned char* out) {
  Need(EVP_MD_CTX_copy_ex(scratch, begun.get()));
  Need(EVP_DigestUpdate(scratch, data, size));
  Need(EVP_DigestFinal_ex(scratch, out, nullptr));
}

Block Fit(absl::string_view key) {
  Block block{};
  if (key.size() > kBlock)
    Need(EVP_Digest(key.data(), key.size(), block.data(), nullptr, EVP_sha256(),
                    nullptr));
  else
    std::copy(key.begin(), key.end(), block.begin());
  return block;
}

}  // namespace

struct HmacKey::State {
  DigestPtr inner;
  DigestPtr outer;
};

HmacKey::HmacKey(absl::string_view key)
    : state_([key] {
        Block block = Fit(key);
        auto state = std::make_shared<const State>(
            State{Begin(block, 0x36), Begin(block, 0x5c)});
        OPENSSL_cleanse(block.data(), block.size());
        return state;
      }()) {}

std::string HmacKey::Mac(absl::string_view data) const {
  const DigestPtr scratch(EVP_MD_CTX_new());
  Need(scratch != nullptr);
  unsigned char inner[kSize];
  std::string mac(kSize, '\0');
  Finish(scratch.get(), state_->inner, data.data(), data.size(), inner);
  Finish(scratch.get(), state_->outer, inner, sizeof(inner),
         reinterpret_cast<unsigned char*>(mac.data()));
  return mac;
}

}  // namespace wxident

#include "server/crypto/aes_cbc.h"

#include <openssl/evp.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

namespace wxident {
namespace {

constexpr size_t kBlock = 16;

using Context = std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)>;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Runs the bare cipher over whole blocks.
std::string RunBlocks(bool encrypt, absl::string_view key, absl::string_view iv,
                      absl::string_view in) {
  // Sizes are the caller's to check; a mistake there must not go on.
  if (key.size() != kBlock || iv.size() != kBlock || in.size() % kBlock != 0)
    std::abort();
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string out(in.size() + kBlock, '\0');
  int size = 0;
  if (context == nullptr ||
      EVP_CipherInit_ex(context.get(), EVP_aes_128_cbc(), nullptr, Bytes(key),
                        Bytes(iv), encrypt ? 1 : 0) != 1 ||
      EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1 ||
      EVP_CipherUpdate(context.get(),
                       reinterpret_cast<unsigned char*>(out.data()), &size,
                       Bytes(in), static_cast<int>(in.size())) != 1)
    std::abort();
  out.resize(in.size());
  return out;
}

}  // namespace

std::string AesCbcEncrypt(absl::string_view key, absl::string_view iv,
                          absl::string_view plaintext) {
  std::string padded(plaintext);
  const size_t pad = kBlock - plaintext.size() % kBlock;
  padded.append(pad, static_cast<char>(pad));
  return RunBlocks(/*encrypt=*/true, key, iv, padded);
}

std::optional<AesCbcText> AesCbcOpen(absl::string_view key,
                                     absl::string_view iv,
                                     absl::string_view ciphertext) {
  if (ciphertext.empty() || ciphertext.size() % kBlock != 0)
    return std::nullopt;
  std::string out = RunBlocks(/*encrypt=*/false, key, iv, ciphertext);
  const unsigned pad = static_cast<unsigned char>(out.back());
  unsigned wrong = (pad == 0) | (pad > kBlock);
  for (size_t i = 1; i <= kBlock; ++i) {
    const unsigned byte = static_cast<unsigned char>(out[out.size() - i]);
    wrong |= (i <= pad) & (byte != pad);
  }
  out.resize(out.size() - (wrong == 0 ? pad : 0));
  return AesCbcText{std::move(out), wrong == 0};
}

std::optional<std::string> AesCbcDecrypt(absl::string_view key,
                                         absl::string_view iv,
                                         absl::string_view ciphertext) {
  std::optional<AesCbcText> opened = AesCbcOpen(key, iv, ciphertext);
  if (!opened.has_value() || !opened->padding_fits) return std::nullopt;
  return std::move(opened->text);
}

}  // namespace wxident

#include "server/crypto/key_ring.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/status_macros.h"
#include "server/crypto/base64.h"

namespace wxident {
namespace {

constexpr size_t kNonceAt = 5;
constexpr size_t kCiphertextAt = 17;
constexpr size_t kNonceSize = kCiphertextAt - kNonceAt;
constexpr size_t kTagSize = 16;
constexpr size_t kKeySize = 32;

using Context = std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)>;

const unsigned char* In(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Out(std::string& text, size_t at = 0) {
  return reinterpret_cast<unsigned char*>(text.data() + at);
}

std::string BigEndian(uint32_t n) {
  return {static_cast<char>(n >> 24), static_cast<char>(n >> 16),
          static_cast<char>(n >> 8), static_cast<char>(n)};
}

// Each part goes in with its length before it, so that no two give one text.
void AppendPart(std::string& out, absl::string_view part) {
  out += BigEndian(static_cast<uint32_t>(part.size()));
  absl::StrAppend(&out, part);
}

std::string Encoded(const AssociatedData& data, absl::string_view header) {
  std::string out;
  AppendPart(out, "wxident");
  AppendPart(out, data.table);
  AppendPart(out, data.column);
  for (absl::string_view part : data.row) AppendPart(out, part);
  AppendPart(out, header);
  return out;
}

absl::Status TamperedError() {
  return absl::DataLossError("a sealed value does not open");
}

absl::Status NoKeyError(uint32_t id) {
  return absl::NotFoundError(absl::StrCat("the key ring has no key ", id));
}

const KeyRing::Key* Find(const std::vector<KeyRing::Key>& keys, uint32_t id) {
  for (const KeyRing::Key& key : keys)
    if (key.id == id) return &key;
  return nullptr;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KeyRing>> KeyRing::Create(std::vector<Key> keys,
                                                         Random& random) {
  if (keys.empty()) return absl::InvalidArgumentError("the ring has no key");
  std::set<uint32_t> ids;
  for (const Key& key : keys) {
    if (key.id == 0) return absl::InvalidArgumentError("key id 0 is not valid");
    if (!ids.insert(key.id).second)
      return absl::InvalidArgumentError(
          absl::StrCat("key id ", key.id, " stands twice"));
    if (key.bytes.size() != kKeySize)
      return absl::InvalidArgumentError(
          absl::StrCat("key ", key.id, " is not 32 bytes long"));
  }
  return std::unique_ptr<KeyRing>(new KeyRing(std::move(keys), random));
}

absl::StatusOr<std::vector<KeyRing::Key>> KeyRing::Parse(
    absl::string_view text) {
  std::vector<Key> keys;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    Key key{};
    std::optional<std::string> bytes =
        Base64Decode(absl::StripAsciiWhitespace(parts.second));
    if (!absl::SimpleAtoi(parts.first, &key.id) || !bytes.has_value() ||
        bytes->size() != kKeySize)
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", number, " is not \"<id> <base64 of 32 bytes>\""));
    key.bytes = Secret(*std::move(bytes));
    keys.push_back(std::move(key));
  }
  return keys;
}

KeyRing::KeyRing(Keys keys, Random& random)
    : keys_(std::make_shared<const Keys>(std::move(keys))), random_(random) {}

std::shared_ptr<const KeyRing::Keys> KeyRing::keys() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return keys_;
}

void KeyRing::Replace(const KeyRing& other) {
  std::shared_ptr<const Keys> keys = other.keys();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    keys_.swap(keys);
  }
  // The old keys are wiped here, or by the last who still works with them.
}

uint32_t KeyRing::sealing_key_id() const { return keys()->front().id; }

std::vector<uint32_t> KeyRing::key_ids() const {
  std::vector<uint32_t> ids;
  // A range-for does not keep what a temporary holds.
  const std::shared_ptr<const Keys> keys = this->keys();
  for (const Key& key : *keys) ids.push_back(key.id);
  return ids;
}

std::string KeyRing::Seal(const Secret& plaintext, const AssociatedData& data) {
  const std::shared_ptr<const Keys> keys = this->keys();
  return Seal(keys->front(), plaintext, data);
}

absl::StatusOr<std::string> KeyRing::SealUnder(uint32_t key_id,
                                               const Secret& plaintext,
                                               const AssociatedData& data) {
  const std::shared_ptr<const Keys> keys = this->keys();
  const Key* key = Find(*keys, key_id);
  if (key == nullptr) return NoKeyError(key_id);
  return Seal(*key, plaintext, data);
}

std::string KeyRing::Seal(const Key& key, const Secret& plaintext,
                          const AssociatedData& data) const {
  std::string out = SealedPrefix(key.id);
  const std::string aad = Encoded(data, out);
  out += random_.Bytes(kNonceSize);
  out.resize(kCiphertextAt + plaintext.size() + kTagSize);

  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int size = 0;
  int rest = 0;
  // None of these can fail for a good key but by lack of memory; a value that
  // was not sealed must never be stored.
  if (context == nullptr ||
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr,
                         In(key.bytes.Expose()), Out(out, kNonceAt)) != 1 ||
      EVP_EncryptUpdate(context.get(), nullptr, &size, In(aad),
                        static_cast<int>(aad.size())) != 1 ||
      EVP_EncryptUpdate(context.get(), Out(out, kCiphertextAt), &size,
                        In(plaintext.Expose()),
                        static_cast<int>(plaintext.size())) != 1 ||
      EVP_EncryptFinal_ex(context.get(), Out(out, kCiphertextAt) + size,
                          &rest) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagSize,
                          Out(out, out.size() - kTagSize)) != 1)
    std::abort();
  return out;
}

absl::StatusOr<Secret> KeyRing::Open(absl::string_view sealed,
                                     const AssociatedData& data) {
  if (sealed.size() < kCiphertextAt + kTagSize || sealed[0] != kSealedVersion)
    return TamperedError();
  const std::shared_ptr<const Keys> keys = this->keys();
  const uint32_t id = SealedKeyId(sealed);
  const Key* key = Find(*keys, id);
  if (key == nullptr) return NoKeyError(id);

  const std::string aad = Encoded(data, sealed.substr(0, kNonceAt));
  const absl::string_view ciphertext =
      sealed.substr(kCiphertextAt, sealed.size() - kCiphertextAt - kTagSize);
  std::string tag(sealed.substr(sealed.size() - kTagSize));
  std::string out(ciphertext.size(), '\0');
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int size = 0;
  unsigned char none[kTagSize];
  const bool opened =
      context != nullptr &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr,
                         In(key->bytes.Expose()),
                         In(sealed.substr(kNonceAt))) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &size, In(aad),
                        static_cast<int>(aad.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), Out(out), &size, In(ciphertext),
                        static_cast<int>(ciphertext.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagSize,
                          tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), none, &size) == 1;
  Secret plaintext(std::move(out));
  if (!opened) return TamperedError();
  return plaintext;
}

}  // namespace wxident

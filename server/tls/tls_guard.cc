#include "server/tls/tls_guard.h"

#include <algorithm>

namespace wxident {
namespace {

constexpr uint8_t kCertificate = 11;  // RFC 8446, 4
constexpr size_t kHeader = 4;
constexpr uint8_t kClientHello = 1;
constexpr size_t kRecordHeader = 5;  // RFC 8446, 5.1
constexpr uint8_t kChangeCipherSpecRecord = 20;
constexpr uint8_t kHandshakeRecord = 22;

size_t NumberAt(absl::string_view bytes, size_t at, size_t size) {
  size_t out = 0;
  for (size_t i = at; i < at + size; ++i)
    out = out << 8 | static_cast<uint8_t>(bytes[i]);
  return out;
}

// Takes a field off `rest` whose size stands before it in `size_bytes` bytes;
// false when it is not all there.
bool Skip(absl::string_view& rest, size_t size_bytes) {
  if (rest.size() < size_bytes) return false;
  const size_t size = NumberAt(rest, 0, size_bytes);
  rest.remove_prefix(size_bytes);
  if (rest.size() < size) return false;
  rest.remove_prefix(size);
  return true;
}

// How many certificates a Certificate message has, without its header. What
// cannot be read is OpenSSL's to refuse.
int CountCertificates(absl::string_view rest, bool tls13) {
  constexpr size_t kListSize = 3;
  if (tls13 && !Skip(rest, 1)) return 0;
  if (rest.size() < kListSize) return 0;
  rest.remove_prefix(kListSize);
  int count = 0;
  while (!rest.empty() && Skip(rest, 3)) {
    ++count;
    // Its extensions.
    if (tls13 && !Skip(rest, 2)) break;
  }
  return count;
}

// Whether bytes of DER or BER have a key's curve described by its parameters
// (RFC 3279, 2.3.5). Object identifiers are looked for by their bytes, wherever
// they stand: they have only one form.
bool HasDescribedCurve(absl::string_view der) {
  // 1.2.840.10045: ANSI X9.62.
  constexpr absl::string_view kX962 = "\x2a\x86\x48\xce\x3d";
  constexpr char kFieldType = 1;  // of a described curve
  constexpr char kKeyType = 2;
  constexpr char kObjectIdentifier = 6;
  for (size_t at = der.find(kX962); at != der.npos;
       at = der.find(kX962, at + 1)) {
    const absl::string_view rest = der.substr(at + kX962.size());
    if (rest.size() < 3) return false;
    if (rest[0] == kFieldType) return true;
    // id-ecPublicKey, and then a curve that is not named.
    if (rest[0] == kKeyType && rest[1] == 1 && rest[2] != kObjectIdentifier)
      return true;
  }
  return false;
}

}  // namespace

bool TlsGuard::OnHandshakeMessage(absl::string_view message, bool tls13) {
  if (message.size() < kHeader ||
      static_cast<uint8_t>(message[0]) != kCertificate)
    return true;
  const absl::string_view body = message.substr(kHeader);
  if (message.size() > kMaxCertificateBytes)
    wrong_ = "the client's certificates are too large";
  else if (CountCertificates(body, tls13) > kMaxCertificates)
    wrong_ = "the client has sent too many certificates";
  else if (HasDescribedCurve(body))
    wrong_ = "a certificate has a key on a curve that has no name";
  return wrong_.empty();
}

void TlsGuard::OnBytes(absl::string_view bytes) {
  while (!hellos_over_ && !bytes.empty()) {
    if (record_rest_ > 0) {
      const size_t size = std::min(record_rest_, bytes.size());
      if (record_type_ == kHandshakeRecord)
        OnHandshakeBytes(bytes.substr(0, size));
      record_rest_ -= size;
      bytes.remove_prefix(size);
      continue;
    }
    const auto byte = static_cast<uint8_t>(bytes[0]);
    bytes.remove_prefix(1);
    if (record_header_bytes_ == 0) record_type_ = byte;
    record_size_ = record_size_ << 8 | byte;
    if (++record_header_bytes_ < kRecordHeader) continue;
    record_header_bytes_ = 0;
    record_rest_ = record_size_;
    // Anything else is encrypted, or OpenSSL's to refuse.
    hellos_over_ = record_type_ != kHandshakeRecord &&
                   record_type_ != kChangeCipherSpecRecord;
  }
}

void TlsGuard::OnHandshakeBytes(absl::string_view bytes) {
  while (!hellos_over_ && !bytes.empty()) {
    const size_t size = std::min<size_t>(message_rest_, bytes.size());
    message_rest_ -= static_cast<uint32_t>(size);
    bytes.remove_prefix(size);
    if (bytes.empty()) return;
    message_header_ = message_header_ << 8 | static_cast<uint8_t>(bytes[0]);
    bytes.remove_prefix(1);
    if (++message_header_bytes_ < kHeader) continue;
    message_header_bytes_ = 0;
    message_rest_ = message_header_ & 0xffffff;
    hellos_over_ = message_header_ >> 24 != kClientHello;
    if (!hellos_over_ && message_rest_ > kMaxHelloBytes)
      wrong_ = "the client's hello is too large";
  }
}

void TlsGuard::OnRecord() {
  if (++silent_records_ > kMaxSilentRecords)
    wrong_ = "too many TLS records without data";
}

}  // namespace wxident

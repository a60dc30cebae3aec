#ifndef WXIDENT_SERVER_TLS_TLS_GUARD_H_
#define WXIDENT_SERVER_TLS_TLS_GUARD_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace wxident {

// Bounds what a TLS client, which needs no certificate for that, makes OpenSSL
// do. It sees what the client has sent before OpenSSL understands it; one
// thread.
class TlsGuard {
 public:
  // Of a client's Certificate message.
  static constexpr size_t kMaxCertificateBytes = 16 << 10;
  static constexpr int kMaxCertificates = 8;
  // Records without application data, beyond one for each that had some: a
  // handshake's are fewer, though its messages may come in small pieces.
  static constexpr int kMaxSilentRecords = 64;
  // Of a ClientHello, of which there may be two: OpenSSL makes room for as much
  // as it says it has.
  static constexpr size_t kMaxHelloBytes = 16 << 10;

  // The client has sent these, all that it sends from its first byte on.
  void OnBytes(absl::string_view bytes);
  // The client has sent one more record; and a whole handshake message, its
  // header of four bytes included, of which it says whether it may be read. A
  // key on an elliptic curve that is described, not named, may not: to decode
  // it may take a second.
  void OnRecord();
  bool OnHandshakeMessage(absl::string_view message, bool tls13);
  // One of these records had application data.
  void OnData() { silent_records_ = std::max(silent_records_ - 2, 0); }

  // What is wrong with the client, or "". Nothing more may be read from it
  // then.
  absl::string_view wrong() const { return wrong_; }

 private:
  void OnHandshakeBytes(absl::string_view bytes);

  int silent_records_ = 0;
  // Whether what comes now can be no ClientHello, and where in a record and in
  // a message the client is as long as it can.
  bool hellos_over_ = false;
  uint8_t record_type_ = 0;
  uint16_t record_size_ = 0;
  size_t record_header_bytes_ = 0;
  size_t record_rest_ = 0;
  uint32_t message_header_ = 0;
  size_t message_header_bytes_ = 0;
  uint32_t message_rest_ = 0;
  absl::string_view wrong_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_TLS_TLS_GUARD_H_

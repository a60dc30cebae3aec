#ifndef WXIDENT_SERVER_CRYPTO_TLS_GUARD_H_
#define WXIDENT_SERVER_CRYPTO_TLS_GUARD_H_

#include <algorithm>
#include <cstddef>

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
  int silent_records_ = 0;
  absl::string_view wrong_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_TLS_GUARD_H_

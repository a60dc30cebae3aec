#ifndef WXIDENT_TESTS_HOSTILE_RAW_TLS_H_
#define WXIDENT_TESTS_HOSTILE_RAW_TLS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/tls/test_ca.h"

namespace wxident {

// How a client speaks TLS, made once for many connections: TLS 1.2 or 1.3, and
// AES-128-GCM alone. It takes anybody for the server. Immutable, thread-safe.
class TlsManner {
 public:
  struct Options {
    // nullptr: no certificate is shown.
    const TestCertificate* shown = nullptr;
    // PEM: sent along with it.
    std::string chain;
    // 12 or 13.
    int version = 13;
  };
  explicit TlsManner(const Options& options);
  ~TlsManner();
  TlsManner(const TlsManner&) = delete;
  TlsManner& operator=(const TlsManner&) = delete;

  // What such a client says first.
  std::string ClientHello() const;

 private:
  friend class RawTls;
  struct State;
  const std::unique_ptr<State> state_;
};

// The client's side of TLS over a descriptor that does not block; and records
// that are put together by hand, for what OpenSSL's client would never send.
// One thread.
class RawTls {
 public:
  // TLS's record types (RFC 8446, 5.1).
  enum RecordType : uint8_t { kAlert = 21, kHandshake = 22, kData = 23 };

  // `fd` stays the caller's.
  RawTls(const TlsManner& manner, int fd);
  ~RawTls();

  // What each of these comes to: > 0, done or so many bytes; 0 to be asked
  // again when there is something to read or room to write; < 0, the end.
  ssize_t Handshake();
  ssize_t Write(absl::string_view bytes);
  ssize_t Read(char* to, size_t size);
  bool waits_to_write() const;

  // After the handshake, and when nothing was given to Write: the next record
  // as it is sent. `padding` zeros come after the content (TLS 1.3).
  std::string Record(RecordType type, absl::string_view content,
                     size_t padding = 0);
  // A KeyUpdate of TLS 1.3, which may ask the server for one too.
  std::string KeyUpdate(bool asks);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_HOSTILE_RAW_TLS_H_

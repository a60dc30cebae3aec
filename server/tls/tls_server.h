#ifndef WXIDENT_SERVER_TLS_TLS_SERVER_H_
#define WXIDENT_SERVER_TLS_TLS_SERVER_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/secret.h"

namespace wxident {

// What reading and writing comes to when it is not a number of bytes.
inline constexpr ssize_t kStreamEnded = 0;
// Not now: wait until the descriptor is ready.
inline constexpr ssize_t kStreamWaits = -1;
inline constexpr ssize_t kStreamBroken = -2;

// The server's side of one TLS connection over a descriptor that does not
// block. The process ignores SIGPIPE. One thread.
class TlsStream {
 public:
  virtual ~TlsStream() = default;

  // Goes on with the handshake. True when it is done, false to wait; an error,
  // kUnauthenticated, says in words of OpenSSL's what is wrong.
  virtual absl::StatusOr<bool> Handshake() = 0;
  // As read(2) and write(2), or one of the above; `size` is more than 0.
  virtual ssize_t Read(char* to, size_t size) = 0;
  virtual ssize_t Write(const char* from, size_t size) = 0;
  // Whether there may be something to be read that the descriptor does not
  // tell of.
  virtual bool HasPending() const = 0;
  // Whether what waits, waits for room to write.
  virtual bool WantsWrite() const = 0;
  // What TlsGuard or OpenSSL has found wrong with the client, which ends the
  // stream, or "".
  virtual absl::string_view violation() const = 0;
  // Tells the client that no more comes, as far as that can be said at once.
  virtual void End() = 0;

  // The client's certificate, and each that vouches for the one before up to
  // one of the CAs, as they were verified: whether the client sent them or they
  // stood in the CAs' file. PEM. After the handshake.
  virtual std::string PeerCertificates() const = 0;
};

// Makes TLS connections whose clients must show a certificate that one of some
// CAs vouches for; TLS 1.2 or 1.3, HTTP/2 alone (ALPN "h2"), and each
// connection with a handshake of its own: a session that were resumed would
// outlive its certificate. What clients may cost is bounded, see TlsGuard.
// Immutable, thread-safe; the streams may outlive it.
class TlsServer {
 public:
  virtual ~TlsServer() = default;

  // PEM, the server's own certificate first. Errors: kInvalidArgument, the end
  // of a sentence that begins with the name of the files.
  static absl::StatusOr<std::shared_ptr<const TlsServer>> Create(
      absl::string_view certificate_chain, const Secret& private_key,
      absl::string_view client_cas);

  // nullptr when there is no memory. `fd` stays the caller's.
  virtual std::unique_ptr<TlsStream> Accept(int fd) const = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_TLS_TLS_SERVER_H_

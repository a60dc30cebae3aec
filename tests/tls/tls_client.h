#ifndef WXIDENT_TESTS_TLS_TLS_CLIENT_H_
#define WXIDENT_TESTS_TLS_TLS_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/tls/tls_server.h"
#include "tests/tls/test_ca.h"

namespace wxident {

// What a client does otherwise than a good one.
struct TlsClientOptions {
  // nullptr: none is shown.
  const TestCertificate* shown = nullptr;
  // PEM: sent along with it.
  std::string chain;
  // "" for no ALPN at all.
  std::string alpn = "h2";
  // 11, 12 or 13: the only version it speaks.
  int version = 13;
};

// The client's side of one TLS connection. One thread; it blocks.
class TlsClient {
 public:
  // `fd`, which blocks, becomes its own. `cas`, PEM, vouch for the server;
  // when empty, anybody may be it.
  TlsClient(int fd, const std::string& cas, const TlsClientOptions& options);
  ~TlsClient();

  // Whether the handshake is done. With TLS 1.3 the server has not yet looked
  // at what was shown.
  bool Handshake();
  bool Write(absl::string_view bytes);
  // Sends a new key for what the client sends (TLS 1.3).
  bool UpdateKey();
  // At most so many bytes; "" when the other side has ended.
  std::string Read(size_t most);
  // Whether this connection goes on from an earlier one without a certificate.
  bool resumed() const;
  // After the handshake: the server's certificate's serial number, as
  // Certificate has it.
  std::string server_serial() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Lets both sides shake hands; `fd` is the server's. What the server's part
// comes to.
absl::Status ShakeHands(TlsStream& server, int fd, TlsClient& client);

// The same over a connection of its own, whoever the server is.
absl::Status ShakeHands(const TlsServer& server,
                        const TlsClientOptions& options);

}  // namespace wxident

#endif  // WXIDENT_TESTS_TLS_TLS_CLIENT_H_

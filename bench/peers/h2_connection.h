#ifndef WXIDENT_BENCH_PEERS_H2_CONNECTION_H_
#define WXIDENT_BENCH_PEERS_H2_CONNECTION_H_

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace wxident {

// A client's side of TLS: whom it trusts, and its own certificate.
class TlsClient {
 public:
  // PEM.
  static absl::StatusOr<std::unique_ptr<TlsClient>> Create(
      const std::string& ca_pem, const std::string& certificate_pem,
      const std::string& key_pem);

  SSL_CTX* context() const { return context_.get(); }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  explicit TlsClient(SSL_CTX* context) : context_(context) {}
  std::unique_ptr<SSL_CTX, Free> context_;
};

// One HTTP/2 connection to a gRPC server, for unary calls. It does not block
// once it is made, and belongs to one thread.
class H2Connection {
 public:
  // A call under way. Its owner keeps it in place until it has ended.
  struct Call {
    H2Connection* connection = nullptr;
    // The request with gRPC's prefix of 5 bytes.
    absl::string_view request;
    size_t sent = 0;
    // Of the answer, with its prefix.
    unsigned char prefix[5] = {};
    size_t received = 0;
    int http_status = 0;
    // -1: none came.
    int grpc_status = -1;
    // When it began, by the owner's clock.
    int64_t began_ns = 0;

    // gRPC's status; 2 (unknown) for an answer that is not whole.
    int Status() const;
    size_t AnswerSize() const { return received < 5 ? 0 : received - 5; }
  };

  // Connects to an IPv4 address and a port. `path` is the method's. `tls` may
  // be null, for plain text, and must outlive the connection. `on_end` hears of
  // every call that ends, and may start the next.
  static absl::StatusOr<std::unique_ptr<H2Connection>> Connect(
      const std::string& host, uint16_t port, const std::string& path,
      const TlsClient* tls, std::function<void(Call&)> on_end);
  ~H2Connection();

  int fd() const { return fd_; }
  // How many calls the server lets run at once.
  uint32_t MaxCalls() const;

  // Queues a call, whose `request` is set; Flush sends it.
  absl::Status Start(Call& call);
  // Takes in what has come. Fails when the connection has ended.
  absl::Status Read();
  // Sends what can be sent now. Fails when the connection has ended.
  absl::Status Flush();
  // Whether Flush has left something, for the socket is full.
  bool wants_to_write() const { return unsent_ > 0; }

 private:
  struct FreeSession {
    void operator()(nghttp2_session* session) const {
      nghttp2_session_del(session);
    }
  };
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  H2Connection(int fd, std::string authority, std::string path,
               std::function<void(Call&)> on_end);
  absl::Status ShakeHands(const std::string& host, const TlsClient& tls);
  // Exchanges settings, and waits for the server's.
  absl::Status Begin();
  absl::Status Take(const unsigned char* data, size_t size);
  // As read(2) and write(2); 0: not now.
  absl::StatusOr<size_t> ReadSome(unsigned char* data, size_t size);
  absl::StatusOr<size_t> WriteSome(const unsigned char* data, size_t size);

  const int fd_;
  const std::string authority_;
  const std::string path_;
  const std::function<void(Call&)> on_end_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  std::unique_ptr<nghttp2_session, FreeSession> session_;
  // Whether the server's settings have come.
  bool greeted_ = false;
  // What is to be sent; its last `unsent_` bytes are not yet.
  std::string out_;
  size_t unsent_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_BENCH_PEERS_H2_CONNECTION_H_

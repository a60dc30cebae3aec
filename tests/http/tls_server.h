#ifndef WXIDENT_TESTS_HTTP_TLS_SERVER_H_
#define WXIDENT_TESTS_HTTP_TLS_SERVER_H_

#include <openssl/ssl.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"

namespace wxident {

// A raw TLS server on 127.0.0.1 whose every connection runs a test's script on
// a thread of its own, so that tests can misbehave byte by byte. Makes its own
// CA and certificate at each start.
class TlsServer {
 public:
  enum class Certificate { kGood, kExpired, kWrongName, kUnknownCa };

  // One accepted connection after its handshake.
  class Connection {
   public:
    // Head and body of the next request; nullopt when the client closed.
    std::optional<std::string> ReadRequest();
    void Write(absl::string_view bytes);
    // A whole answer of status 200 with Content-Length.
    void Answer(absl::string_view body);
    // Ends the connection in good order, as the end of the script does.
    void Close();
    // Ends the connection with a TCP reset; what was written may be lost.
    void Reset();
    // Returns when the server stops or the client closes.
    void WaitForEnd();

   private:
    friend class TlsServer;
    Connection(TlsServer& server, int fd, SSL* ssl)
        : server_(server), fd_(fd), ssl_(ssl) {}
    // False when the server stops; else there may be something to read.
    bool WaitReadable();

    TlsServer& server_;
    int fd_;
    SSL* ssl_;
    std::string unread_;
  };

  struct Options {
    Certificate certificate = Certificate::kGood;
    int max_tls_version = TLS1_3_VERSION;
    // Never answers the client's first TLS bytes.
    bool stall_handshake = false;
  };

  using Script = std::function<void(Connection&)>;
  explicit TlsServer(Script script) : TlsServer(Options{}, std::move(script)) {}
  TlsServer(Options options, Script script);
  // Ends every connection.
  ~TlsServer();

  // https://127.0.0.1:port
  std::string url() const;
  int port() const { return port_; }
  // PEM of the CA that clients should trust, in a file of its own.
  const std::string& ca_file() const { return ca_file_; }

  // TCP connections accepted so far.
  int connections();
  // Waits until as many have been accepted; false after 10 s.
  bool WaitForConnections(int count);

 private:
  struct Context;
  void AcceptLoop();
  void Serve(int fd);

  const Options options_;
  const Script script_;
  std::unique_ptr<Context> context_;
  std::string ca_file_;
  int listener_ = -1;
  int port_ = 0;
  // Readable once the server stops.
  int stop_read_ = -1;
  int stop_write_ = -1;

  std::mutex mutex_;
  std::condition_variable changed_;
  int connections_ = 0;
  std::vector<std::thread> threads_;
  std::thread accept_thread_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_HTTP_TLS_SERVER_H_

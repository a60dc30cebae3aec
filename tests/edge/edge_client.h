#ifndef WXIDENT_TESTS_EDGE_EDGE_CLIENT_H_
#define WXIDENT_TESTS_EDGE_EDGE_CLIENT_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "tests/edge/h2_client.h"
#include "tests/tls/tls_client.h"

namespace wxident {

// An H2Client over a connection to a server, plain or with TLS. One thread.
class EdgeClient {
 public:
  // `tls` is nullptr for plain text; `cas` vouch for the server; `before` is
  // what a balancer says before the client.
  explicit EdgeClient(const std::string& addr,
                      const TlsClientOptions* tls = nullptr,
                      const std::string& cas = "",
                      uint32_t window = H2Client::kUsualWindow,
                      const std::string& before = "");
  ~EdgeClient();

  H2Client& h2() { return h2_; }
  TlsClient* tls() { return tls_.get(); }
  // Whether the connection, its handshake included, came about and still is.
  bool open() const { return open_; }

  // Sends what there is, and takes what comes until `done`, the connection's
  // end, or `patience`. Whether it is done.
  bool Until(absl::FunctionRef<bool()> done,
             absl::Duration patience = absl::Seconds(20));
  // Sends what there is.
  bool Send();

  // One call from its begin to its end.
  H2Answer Call(const std::string& path, const std::string& message,
                const H2Client::Fields& more = {});

 private:
  std::string Receive();

  int fd_;
  std::unique_ptr<TlsClient> tls_;
  bool open_;
  H2Client h2_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_EDGE_EDGE_CLIENT_H_

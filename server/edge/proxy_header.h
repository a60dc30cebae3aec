#ifndef WXIDENT_SERVER_EDGE_PROXY_HEADER_H_
#define WXIDENT_SERVER_EDGE_PROXY_HEADER_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace wxident {

// What a TCP balancer says of whose connection it passes on, before the first
// of that one's bytes: the PROXY protocol, version 1 (a line) or 2 (binary), as
// HAProxy has published it. Extensions (TLVs) are passed over. One thread.
class ProxyHeader {
 public:
  // Of a whole header; what says that it is longer is refused.
  static constexpr size_t kMaxBytes = 4096;

  enum class State { kMore, kDone, kBad };

  // While there is more to come: so many of the next bytes, at least 1, belong
  // to the header for certain. Whoever takes no more than these leaves the
  // client's own bytes where they are.
  size_t wanted() const;
  // The next ones, at most that many.
  State Take(absl::string_view bytes);
  // Whether any have come.
  bool begun() const { return !bytes_.empty(); }

  // Once it is done: where the client is, with an IPv4 address as such; "" when
  // the balancer speaks for itself, as in its health checks, or does not know.
  const std::string& ip() const { return ip_; }
  int port() const { return port_; }

 private:
  bool IsBinary() const;
  State ReadLine();
  State ReadBinary();

  std::string bytes_;
  std::string ip_;
  int port_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_PROXY_HEADER_H_

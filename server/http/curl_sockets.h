#ifndef WXIDENT_SERVER_HTTP_CURL_SOCKETS_H_
#define WXIDENT_SERVER_HTTP_CURL_SOCKETS_H_

#include <curl/curl.h>

#include <set>

namespace wxident {

// The sockets that libcurl has open. It tells no socket of a connection that it
// takes from its cache, but the local port. Loop's thread only.
class CurlSockets {
 public:
  static curl_socket_t Open(void* self, curlsocktype, curl_sockaddr* address);
  static int Close(void* self, curl_socket_t fd);

  // Whether something waits to be read on the connection from this port, be it
  // the end of the stream.
  bool Readable(int local_port) const;

 private:
  std::set<curl_socket_t> open_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_CURL_SOCKETS_H_

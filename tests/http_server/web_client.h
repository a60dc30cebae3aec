#ifndef WXIDENT_TESTS_HTTP_SERVER_WEB_CLIENT_H_
#define WXIDENT_TESTS_HTTP_SERVER_WEB_CLIENT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace wxident {

// A connection to an HTTP server on 127.0.0.1 over which a test says anything,
// and reads only when it wants to. One thread.
class WebClient {
 public:
  static constexpr absl::Duration kPatience = absl::Seconds(60);

  struct Answer {
    // 0: the connection ended before there was one.
    int status = 0;
    // The lines of the head, "\r\n" between them.
    std::string head;
    std::string body;
  };

  // `source` is a loopback address. `receive_buffer` bounds what the kernel
  // takes for us; 0: as usual.
  explicit WebClient(int port, const std::string& source = "127.0.0.1",
                     int receive_buffer = 0);
  ~WebClient();
  WebClient(const WebClient&) = delete;
  WebClient& operator=(const WebClient&) = delete;

  // Whether all of it went out.
  bool Send(absl::string_view bytes);
  // Says that it sends no more.
  void EndSending();
  // The next answer, of which `has_body` is false after HEAD.
  Answer Read(bool has_body = true);
  // Whether the server ends the connection, whatever it says before.
  bool WaitForEnd();

 private:
  // Whether more has come.
  bool Hear();

  int fd_ = -1;
  std::string heard_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_HTTP_SERVER_WEB_CLIENT_H_

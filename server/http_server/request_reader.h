#ifndef WXIDENT_SERVER_HTTP_SERVER_REQUEST_READER_H_
#define WXIDENT_SERVER_HTTP_SERVER_REQUEST_READER_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/http_server/web_messages.h"

namespace wxident {

// Reads requests of HTTP/1.0 and 1.1 out of the bytes of one connection, one
// after another. Takes no more than it is told to, and no request that another
// program could read otherwise than this one: lines end with CRLF, and the
// body's length is told before it, once. One thread.
class RequestReader {
 public:
  struct Limits {
    // With the request line.
    size_t header_bytes = 8 << 10;
    size_t body_bytes = 64 << 10;
  };
  // Why a request is not taken.
  struct Refusal {
    int status;
    std::string what;
  };

  explicit RequestReader(const Limits& limits);

  // More has come. What is kept is `limits` and one call's bytes at most, as
  // long as Next is called after each.
  void Feed(absl::string_view bytes);
  // The next request. nullopt: it is not complete, or not taken.
  std::optional<WebRequest> Next();
  // Set when something came that is not taken: nothing more is.
  const std::optional<Refusal>& refusal() const { return refusal_; }
  // Whether some of a request has come.
  bool begun() const { return has_head_ || !buffer_.empty(); }
  // Whether the client waits to hear that it may send the body; true once.
  bool TakeContinue();

 private:
  // These tell whether what they are for is there, and taken.
  bool ReadHead();
  bool ReadBody();
  // False, always.
  bool Refuse(int status, absl::string_view what);

  const Limits limits_;
  // What came and has not been read.
  std::string buffer_;
  // So much of it holds no end of a head.
  size_t searched_ = 0;
  // Of a request whose head has been read.
  bool has_head_ = false;
  WebRequest request_;
  size_t body_size_ = 0;
  bool wants_continue_ = false;
  std::optional<Refusal> refusal_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_SERVER_REQUEST_READER_H_

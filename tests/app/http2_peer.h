#ifndef WXIDENT_TESTS_APP_HTTP2_PEER_H_
#define WXIDENT_TESTS_APP_HTTP2_PEER_H_

#include <cstdint>
#include <optional>
#include <string>

namespace wxident {

// A TCP client of 127.0.0.1 that says in HTTP/2 whatever a test wants, which
// gRPC's own client would not. One thread may send while another reads.
class Http2Peer {
 public:
  struct Frame {
    uint8_t type;
    uint8_t flags;
    uint32_t stream;
    std::string payload;
  };

  // `addr` is host:port. Says nothing yet.
  explicit Http2Peer(const std::string& addr);
  ~Http2Peer();
  Http2Peer(const Http2Peer&) = delete;
  Http2Peer& operator=(const Http2Peer&) = delete;

  bool connected() const { return fd_ >= 0; }

  // The client's first words: the magic and empty settings.
  bool SendPreface();
  // False when the other side has closed.
  bool Send(const Frame& frame);

  // The next frame; nullopt when the other side has closed, or 15 s passed.
  std::optional<Frame> Read();

 private:
  bool SendBytes(const std::string& bytes);
  // Until `unread_` has as many.
  bool Fill(size_t bytes);

  int fd_ = -1;
  std::string unread_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_APP_HTTP2_PEER_H_

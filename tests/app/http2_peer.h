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
  enum FrameType : uint8_t {
    kData = 0,
    kHeaders = 1,
    kSettings = 4,
    kPing = 6,
    kGoaway = 7
  };
  static constexpr uint8_t kEndStream = 1;
  static constexpr uint8_t kEndHeaders = 4;

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

  // HPACK: a field with its name and value in full, both under 127 bytes.
  static std::string Field(const std::string& name, const std::string& value);

 private:
  bool SendBytes(const std::string& bytes);
  // Until `unread_` has as many.
  bool Fill(size_t bytes);

  int fd_ = -1;
  std::string unread_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_APP_HTTP2_PEER_H_

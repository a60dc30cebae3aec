#ifndef WXIDENT_TESTS_HOSTILE_RAW_PEER_H_
#define WXIDENT_TESTS_HOSTILE_RAW_PEER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {

// A TCP connection to 127.0.0.1 over which a test says anything. What comes
// back is read all the time, so that the other side never waits for it. One
// thread.
class RawPeer {
 public:
  // All waiting ends at `until`. `addr` is host:port, `source` a loopback
  // address.
  RawPeer(const std::string& addr, absl::Time until, const std::string& source);
  ~RawPeer();
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  bool open() const { return fd_ >= 0; }
  // All that has come back, 16 KiB of it at most.
  const std::string& heard() const { return heard_; }

  // A client's first words.
  bool Hello(bool acknowledge = true);
  // False when the other side has closed, or the time is over.
  bool Send(absl::string_view bytes);
  // Sends the same again and again, `times` at most, until Send is false.
  void Flood(const std::string& bytes, int times = 1 << 30);
  // Listens for `time`; whether the other side closed meanwhile.
  bool Listen(absl::Duration time);

 private:
  // Whether there may be more.
  bool Hear();
  void Close();

  const absl::Time until_;
  int fd_ = -1;
  std::string heard_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_HOSTILE_RAW_PEER_H_

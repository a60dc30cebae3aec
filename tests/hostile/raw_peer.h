#ifndef WXIDENT_TESTS_HOSTILE_RAW_PEER_H_
#define WXIDENT_TESTS_HOSTILE_RAW_PEER_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/hostile/http2_frames.h"
#include "tests/hostile/raw_tls.h"

namespace wxident {

// A connection to 127.0.0.1, plain or with TLS, over which a test says
// anything. What comes back is read all the time, so that the other side never
// waits for it, unless the peer is deaf. One thread.
class RawPeer {
 public:
  // All waiting ends at `until`. `addr` is host:port, `source` a loopback
  // address. `manner` is nullptr for plain text; with it, this shakes hands.
  RawPeer(const std::string& addr, absl::Time until, const std::string& source,
          const TlsManner* manner = nullptr);
  ~RawPeer();
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // Whether there ever was a connection, and whether there is one that, with
  // TLS, came to the end of its handshake.
  bool connected() const { return connected_; }
  bool open() const { return fd_ >= 0; }
  // All that has come back, 16 KiB of it at most.
  const std::string& heard() const { return heard_; }
  // nullptr: plain text.
  RawTls* tls() { return tls_.get(); }

  // A client's first words. `window`, unless it is negative, is what it gives
  // each stream.
  bool Hello(bool acknowledge = true, int64_t window = -1);
  // False when the other side has closed, or the time is over.
  bool Send(absl::string_view bytes);
  // The same past TLS: records, or what is none.
  bool SendRaw(absl::string_view bytes);
  // Sends the same again and again, `times` at most, until Send is false.
  void Flood(const std::string& bytes, int times = 1 << 30);
  // Listens for `time`; whether the other side closed meanwhile.
  bool Listen(absl::Duration time);
  // Listens until the other side has said `bytes`, since this was last called;
  // false: it will not.
  bool ListenFor(const std::string& bytes);
  // From now on nothing is read.
  void TurnDeaf() { deaf_ = true; }
  // Ends the connection by a reset.
  void Reset();

 private:
  void Connect(const std::string& addr, const std::string& source);
  void ShakeHands();
  // Waits for what `events` says or, unless deaf, for something to read. False
  // when the time is over.
  bool Wait(short events, absl::Time end, short& ready);
  // What send(2) or TLS takes of `bytes`; < 0: the end.
  ssize_t Write(absl::string_view bytes, bool raw);
  bool SendAll(absl::string_view bytes, bool raw);
  // Whether there may be more.
  bool Hear();
  void Close();

  const absl::Time until_;
  int fd_ = -1;
  bool connected_ = false;
  bool deaf_ = false;
  std::unique_ptr<RawTls> tls_;
  std::string heard_;
  // The newest of all that has come back.
  std::string newest_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_HOSTILE_RAW_PEER_H_

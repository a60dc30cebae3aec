#ifndef WXIDENT_SERVER_EDGE_ABUSE_GUARD_H_
#define WXIDENT_SERVER_EDGE_ABUSE_GUARD_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/token_bucket.h"

namespace wxident {

// Tells whether the client of one HTTP/2 connection works with us or only makes
// us work. libnghttp2 keeps the protocol's rules and has bounds of its own;
// these are tighter, and have names. It counts what honest clients do to earn
// what dishonest ones spend, so that a busy connection may do more than an idle
// one.
//
// A violation is one of a few words, which is also a label of metrics:
// "streams" (more at once than we allow), "resets" (streams that were reset
// before we had a chance), "frames" (frames that only cost), "headers" (a block
// without an end), "bytes" (unfinished requests), "settings" (ours were never
// acknowledged). Each function returns the violation, or "". Once it is
// something, the connection has to end.
//
// One thread. Times are of one clock that never goes back.
class AbuseGuard {
 public:
  // What the client is told to open at most.
  static constexpr size_t kMaxStreams = 256;
  // The same for a client that has not yet acknowledged settings which say so:
  // the least that RFC 9113, 6.5.2, advises to allow, and what clients that do
  // not wait for settings go by.
  static constexpr size_t kMaxStreamsAtFirst = 100;
  // A request that the client has reset sooner than this, and unanswered, was
  // not given a chance.
  static constexpr absl::Duration kChance = absl::Milliseconds(100);
  // Resets of such requests: each answered one earns another.
  static constexpr TokenBucket::Terms kResets = {50, 500, 5};
  // Frames that carry nothing of a call. A call of an honest client brings two
  // or three, pings and window updates, and earns eight; a message of a stream
  // earns four.
  static constexpr TokenBucket::Terms kFrames = {500, 2'000, 20};
  static constexpr double kFramesOfACall = 8;
  static constexpr double kFramesOfAMessage = 4;
  // What comes by itself and is less than the head of a frame costs as much.
  static constexpr size_t kFrameHead = 9;
  // Data that is smaller, and does not end its stream, only costs.
  static constexpr size_t kTinyData = 64;
  // Of an answer: for these the client has to widen its window.
  static constexpr size_t kLargeData = 1 << 10;
  // Twice what we take of metadata; no one frame may be larger.
  static constexpr size_t kMaxHeaderBlock = 16 << 10;
  static constexpr int kMaxContinuations = 8;
  // To acknowledge our settings.
  static constexpr absl::Duration kSettingsTime = absl::Seconds(10);

  // `now` is when our first settings leave. `max_unfinished_bytes` is of
  // requests that have not ended.
  AbuseGuard(size_t max_unfinished_bytes, absl::Duration now)
      : max_unfinished_bytes_(max_unfinished_bytes), settings_sent_(now) {}

  struct Frame {
    uint8_t type;
    uint8_t flags;
    size_t length;
    // Whether the client may still send on its stream, and whether it begins
    // one.
    bool of_open_stream;
    bool opens_stream;
  };
  // So much has come at once: a record of TLS, or what the socket had.
  absl::string_view OnReceived(size_t size, absl::Duration now) {
    return size < kFrameHead ? SpendFrame(now) : "";
  }
  // A frame has begun; `streams` are open, the new one among them.
  absl::string_view OnFrame(const Frame& frame, size_t streams,
                            absl::Duration now);
  // The client has reset a stream of this age.
  absl::string_view OnReset(bool answered, absl::Duration age,
                            absl::Duration now);
  // We had to reset a stream for what the client did on it.
  absl::string_view OnFault(absl::Duration now);
  // What is kept of requests that have not ended.
  absl::string_view OnUnfinished(size_t bytes) const;
  // To be called each second or so.
  absl::string_view OnTime(absl::Duration now) const;

  // A message, or the end of a call, has left; or a part of an answer, which
  // earns something only when it is no tiny one: how large the parts are is the
  // client's to say, by its window.
  void OnMessageSent() { frames_.Earn(kFramesOfAMessage); }
  void OnDataSent(size_t size) {
    if (size >= kLargeData) frames_.Earn(kFramesOfAMessage);
  }
  void OnCallEnded();

 private:
  absl::string_view SpendFrame(absl::Duration now);

  const size_t max_unfinished_bytes_;
  const absl::Duration settings_sent_;
  bool settled_ = false;
  // Of the block of fields that is coming in.
  size_t block_bytes_ = 0;
  int continuations_ = 0;
  TokenBucket resets_{kResets};
  TokenBucket frames_{kFrames};
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_ABUSE_GUARD_H_

#ifndef WXIDENT_SERVER_FRONT_HTTP2_SCREEN_H_
#define WXIDENT_SERVER_FRONT_HTTP2_SCREEN_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/edge/token_bucket.h"

namespace wxident {

// One HTTP/2 frame as far as the screen looks into it (RFC 9113, 4.1).
struct Http2Frame {
  uint32_t length = 0;
  uint8_t type = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;
  // The first four bytes of the payload, of shorter ones what there is: the
  // code of RST_STREAM.
  uint32_t head = 0;
};

// Finds the frames in a stream of bytes that comes in any pieces.
class Http2FrameReader {
 public:
  // Calls `found` for each frame whose first bytes are there by now, as long as
  // it returns true.
  void Read(absl::string_view bytes,
            absl::FunctionRef<bool(const Http2Frame&)> found);

 private:
  static constexpr size_t kHeader = 9;
  static constexpr size_t kHead = 4;

  // How much of a frame, its header included, Http2Frame is made of.
  size_t Wanted() const;
  Http2Frame Frame() const;

  std::array<uint8_t, kHeader + kHead> start_{};
  size_t have_ = 0;
  // Of the frame that was found last, still to pass over.
  uint32_t rest_ = 0;
};

// What the connections of one IP count together. Thread-safe.
struct IpCounts {
  // Requests that have not ended.
  std::atomic<int> unfinished{0};
  // Connections on which a call has been answered, once for each, but for those
  // that gRPC has then ended for what the client said. May be negative when
  // somebody takes what is there.
  std::atomic<int> useful{0};
};

// Tells from both directions of one HTTP/2 connection whether its client works
// with us or only makes us work: gRPC 1.51 bounds little of what HTTP/2 lets a
// peer do, so this stands before it. It looks at the headers of frames, which
// cannot lie about what gRPC will do with them, and never at what they carry.
//
// What is wrong with the client is one of a few words, which is also a label of
// metrics: "preface" (no HTTP/2), "streams" (more at once than we allow),
// "resets" (streams that were reset before we had a chance), "frames" (frames
// that only cost), "headers" (a block without an end), "bytes" (unfinished
// requests), "slow" (a request that does not end), "settings" (ours were never
// acknowledged), "protocol" (a frame on a stream that the client has ended).
//
// One thread. Times are of one clock that never goes back.
class Http2Screen {
 public:
  // What gRPC is told to allow at once, too.
  static constexpr size_t kMaxStreams = 256;
  // The same for a client that has not yet acknowledged settings which say so:
  // the least that RFC 9113, 6.5.2, advises to allow, and what clients that do
  // not wait for settings go by.
  static constexpr size_t kMaxStreamsAtFirst = 100;
  // A request that the client has reset sooner than this, and unanswered, was
  // not given a chance.
  static constexpr absl::Duration kChance = absl::Milliseconds(100);
  // Resets of such requests: each answered one earns another. gRPC takes some
  // 40 us for each.
  static constexpr TokenBucket::Terms kResets = {50, 500, 5};
  // Frames that carry nothing of a call. A call of an honest client brings two
  // or three, pings and window updates, and earns eight; a message of a stream
  // earns four.
  static constexpr TokenBucket::Terms kFrames = {500, 2'000, 20};
  static constexpr double kFramesOfACall = 8;
  static constexpr double kFramesOfAMessage = 4;
  // Twice what gRPC takes of metadata.
  static constexpr uint32_t kMaxHeaderBlock = 16 << 10;
  static constexpr int kMaxContinuations = 8;
  // Of requests that have not ended: 16 of the largest, 64 KiB each.
  static constexpr int64_t kMaxUnfinishedBytes = 1 << 20;
  // Requests that have not ended, of all connections of one IP. gRPC keeps 12
  // KB for each.
  static constexpr int kMaxUnfinishedOfAnIp = 2'048;
  // For a request to end, or to be answered before it does, as reflection's
  // are.
  static constexpr absl::Duration kRequestTime = absl::Seconds(10);
  // A client that was silent for so long is not what a connection is ended for:
  // it has gone, and gRPC has noticed.
  static constexpr absl::Duration kSilence = absl::Seconds(5);
  // To acknowledge our settings.
  static constexpr absl::Duration kSettingsTime = absl::Seconds(10);

  // `ip` is of the client's, and outlives this.
  explicit Http2Screen(IpCounts& ip) : ip_(ip) {}
  ~Http2Screen() { ip_.unfinished -= unfinished_; }
  Http2Screen(const Http2Screen&) = delete;
  Http2Screen& operator=(const Http2Screen&) = delete;

  // What is wrong with the client, or "". Once it is something, the connection
  // has to end, and none of these may be called again.
  //
  // The client, or gRPC, sends `bytes`.
  absl::string_view OnClient(absl::string_view bytes, absl::Duration now);
  absl::string_view OnServer(absl::string_view bytes, absl::Duration now);
  // gRPC has ended the connection.
  void OnServerEnd(absl::Duration now);
  // To be called each second or so.
  absl::string_view OnTime(absl::Duration now);

  // Whether the client has said the 24 bytes that HTTP/2 begins with.
  bool greeted() const { return greeted_ == kGreeting.size(); }
  // Streams that are open; the client may have ended its side.
  size_t streams() const { return streams_.size(); }

 private:
  static constexpr absl::string_view kGreeting =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

  struct Stream {
    absl::Duration opened;
    uint32_t bytes = 0;
    // The client has ended it.
    bool finished = false;
    // The server has sent something.
    bool answered = false;
  };
  using Streams = absl::flat_hash_map<uint32_t, Stream>;

  absl::string_view OnClientFrame(const Http2Frame& frame, absl::Duration now);
  absl::string_view OnData(const Http2Frame& frame, absl::Duration now);
  absl::string_view OnHeaders(const Http2Frame& frame, absl::Duration now);
  absl::string_view OnContinuation(const Http2Frame& frame, absl::Duration now);
  absl::string_view OnReset(const Http2Frame& frame, absl::Duration now);
  absl::string_view OnServerFrame(const Http2Frame& frame, absl::Duration now);
  absl::string_view Open(uint32_t id, absl::Duration now);
  absl::string_view SpendFrame(absl::Duration now);
  void Finish(Stream& stream);
  void Erase(Streams::iterator found);

  IpCounts& ip_;
  size_t greeted_ = 0;
  Http2FrameReader client_;
  Http2FrameReader server_;
  Streams streams_;
  uint32_t last_stream_ = 0;
  // Of streams_, those that the client has not ended, and their bytes.
  int unfinished_ = 0;
  int64_t unfinished_bytes_ = 0;
  // Of the block of fields that is coming in.
  uint32_t block_bytes_ = 0;
  int continuations_ = 0;
  TokenBucket resets_{kResets};
  TokenBucket frames_{kFrames};
  // Whether a call has been answered.
  bool useful_ = false;
  // Whether the server has said GOAWAY, as gRPC does before it ends a
  // connection for a reason of its own.
  bool goodbye_ = false;
  // When the client last sent something.
  absl::Duration client_at_;
  // Whether the client has acknowledged settings of ours; those that it has
  // not, and since when.
  bool settled_ = false;
  int unacknowledged_ = 0;
  absl::Duration unacknowledged_since_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_FRONT_HTTP2_SCREEN_H_

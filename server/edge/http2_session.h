#ifndef WXIDENT_SERVER_EDGE_HTTP2_SESSION_H_
#define WXIDENT_SERVER_EDGE_HTTP2_SESSION_H_

#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/edge/abuse_guard.h"
#include "server/edge/call.h"
#include "server/edge/frame_scanner.h"
#include "server/edge/peer_share.h"
#include "server/edge/stream.h"

namespace wxident {

// gRPC's protocol over one HTTP/2 connection: bytes in, calls of handlers,
// bytes out. It knows of no socket. One thread, the loop's.
class Http2Session final : private Stream::Session {
 public:
  // For a request to end, or to be answered before it does.
  static constexpr absl::Duration kRequestTime = absl::Seconds(10);
  // For a client to take some of what waits for it.
  static constexpr absl::Duration kTakingTime = absl::Seconds(10);
  // From the first words of a goodbye to the last.
  static constexpr absl::Duration kGoodbyeTime = absl::Seconds(1);
  // Of answers that wait for the client to take them, the connection's and
  // those of its IP; and what a stream counts on top.
  static constexpr int64_t kMaxWaiting = 4 << 20;
  static constexpr int64_t kMaxWaitingOfAnIp = 8 << 20;
  static constexpr int64_t kStreamCost = 4 << 10;
  // Requests that have not ended, of all connections of one IP.
  static constexpr int kMaxUnfinishedOfAnIp = 2'048;
  // Of the largest messages that may come at once.
  static constexpr size_t kMaxMessagesAtOnce = 16;

  class Owner {
   public:
    virtual ~Owner() = default;
    // There is something to be produced.
    virtual void OnOutput() = 0;
  };

  struct Options {
    // Outlives all calls.
    const EdgeMethods* methods;
    size_t max_message_bytes;
    // nullptr: UNIMPLEMENTED. Outlives all calls.
    const NoSuchMethod* no_such_method = nullptr;
  };

  // `calls` and `owner` outlive it.
  Http2Session(const Options& options, LoopCalls& calls, Owner& owner,
               std::shared_ptr<const EdgePeer> peer,
               std::shared_ptr<PeerShare> share);
  // Cancels what runs.
  ~Http2Session() override;
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // The client has sent `bytes`. False, as the next ones, once the client has
  // done what ends the connection; see violation().
  bool Receive(absl::string_view bytes);
  // Appends what is ready to leave to `out`, until that has `most` bytes or
  // some more.
  bool Produce(std::string& out, size_t most);
  // To be called each second or so.
  bool OnTime();

  // Lets what runs end, and takes no new calls once the client knows.
  void Drain();
  void Ping();
  // Whether nothing more will be said or heard.
  bool over() const;

  // What is wrong with the client, see AbuseGuard; and "preface" (no HTTP/2),
  // "slow" (a request that does not end), "unread" (it takes nothing of what
  // waits for it), "protocol" (it broke a rule of HTTP/2). Or "".
  absl::string_view violation() const { return violation_; }
  // Whether the client has said the preface, and begun a frame.
  bool greeted() const { return greeted_; }
  size_t streams() const { return streams_.size(); }
  // How many calls have been refused for want of something (RESOURCE_EXHAUSTED)
  // since this was last asked.
  int TakeRefused() { return std::exchange(refused_, 0); }

 private:
  struct Callbacks;
  friend struct Callbacks;

  void Begin(Stream& stream) override;
  void Resume(Stream& stream) override;
  void Waiting(int64_t bytes) override;
  bool HasRoom() const override {
    return waiting_ <= kMaxWaiting && share_->waiting <= kMaxWaitingOfAnIp;
  }

  // What nghttp2 reports. Those that return an int: 0, or its error.
  void OnBeginRequest(int32_t id);
  void OnRequest(Stream& stream);
  int OnData(Stream& stream, absl::string_view bytes);
  void OnFrame(const nghttp2_frame& frame);
  void OnFrameSent(const nghttp2_frame& frame);
  void OnStreamClosed(int32_t id);
  ssize_t ReadBody(Stream& stream, uint8_t* to, size_t size, uint32_t* flags);

  void Understand(absl::string_view bytes);
  // What the guard finds wrong with a frame that has begun, or "".
  absl::string_view Judge(const FrameHeader& frame);
  Stream* Find(int32_t id) const {
    return static_cast<Stream*>(
        nghttp2_session_get_stream_user_data(session_, id));
  }
  void HalfClose(Stream& stream);
  void FinishGoodbye();
  // Ends the connection for what the client did, and says so with `code`.
  bool Violated(absl::string_view violation, uint32_t code);
  // Tells the IP's other connections what this one holds.
  void Share();

  const Options options_;
  LoopCalls& calls_;
  Owner& owner_;
  const std::shared_ptr<const EdgePeer> peer_;
  const std::shared_ptr<PeerShare> share_;
  nghttp2_session* session_ = nullptr;
  absl::flat_hash_map<int32_t, std::unique_ptr<Stream>> streams_;
  int32_t last_stream_ = 0;
  FrameScanner scanner_;
  AbuseGuard guard_;
  absl::string_view violation_;
  bool greeted_ = false;
  // It has said goodbye.
  bool client_left_ = false;
  // Whether a call has been answered.
  bool useful_ = false;

  int refused_ = 0;

  // Requests that have not ended, and what is kept of them.
  int unfinished_ = 0;
  size_t kept_bytes_ = 0;
  // Bytes of answers that wait, and since when none has left.
  int64_t waiting_ = 0;
  absl::Duration taken_at_;
  // What share_ has been told.
  int shared_unfinished_ = 0;
  int64_t shared_waiting_ = 0;
  // Streams whose body has been taken, to be told so.
  std::vector<int32_t> taken_;

  enum class Goodbye { kNone, kBegun, kSaid };
  Goodbye goodbye_ = Goodbye::kNone;
  absl::Duration goodbye_begun_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_HTTP2_SESSION_H_

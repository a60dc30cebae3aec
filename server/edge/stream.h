#ifndef WXIDENT_SERVER_EDGE_STREAM_H_
#define WXIDENT_SERVER_EDGE_STREAM_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/edge/call.h"
#include "server/edge/event_loop.h"
#include "server/edge/message_reader.h"
#include "server/edge/request_head.h"

namespace wxident {

// A loop and the calls on it that no handler has finished yet.
struct LoopCalls {
  EventLoop& loop;
  int unfinished = 0;
};

// One stream of an HTTP/2 connection: what came of its request, its handler,
// and what is to leave of its answer. Its session owns it and tells it what
// happens; when the session ends before the handler has finished, the stream
// owns itself until then. Loop's thread, but for what Call says.
class Stream final : public Call {
 public:
  // What a stream asks of its session.
  class Session {
   public:
    virtual ~Session() = default;
    // The first of the answer is there: with a body, or all of it at once.
    virtual void Begin(Stream& stream) = 0;
    // There is more of it.
    virtual void Resume(Stream& stream) = 0;
    // `bytes` more, or less, wait to be sent.
    virtual void Waiting(int64_t bytes) = 0;
    // Whether the client takes what it asks for, and so may ask for more.
    virtual bool HasRoom() const = 0;
  };

  Stream(int32_t id, Session* session, LoopCalls& calls,
         std::shared_ptr<const EdgePeer> peer, size_t max_message_bytes)
      : id_(id),
        session_(session),
        calls_(calls),
        peer_(std::move(peer)),
        arrived_(calls.loop.now()),
        reader_(max_message_bytes) {}
  ~Stream();

  const std::string& path() const override { return head_.path(); }
  const MetadataFields& metadata() const override { return head_.metadata(); }
  const EdgePeer& peer() const override { return *peer_; }
  absl::Duration deadline() const override { return deadline_; }
  bool cancelled() const override { return cancelled_; }
  void AddInitialMetadata(absl::string_view name,
                          absl::string_view value) override;
  void Write(std::string message) override;
  void Finish(CallStatus status) override;
  void Reply(std::string message) override;

  // The request, as it comes.
  RequestHead& head() { return head_; }
  // Its fields are complete. `method` is nullptr where there is none of that
  // path, and outlives the stream; `no_such_method` may be nullptr.
  void OnHead(const EdgeMethod* method, const NoSuchMethod* no_such_method);
  void OnData(absl::string_view bytes);
  void OnHalfClose();
  // Refuses the request, unless the answer has begun.
  void Refuse(const absl::Status& status);
  // The same for what waits to be read by the client.
  void RefuseForRoom();
  // To be called each second or so.
  void OnTime();
  // Its connection takes leave. To be called again once the call has started.
  void OnDrain();
  // All of the body has been taken.
  void OnBodyTaken();
  // The HTTP stream is over. False when a handler has still to finish the call:
  // the stream is its own owner from then on.
  bool OnClosed();

  int32_t id() const { return id_; }
  absl::Duration arrived() const { return arrived_; }
  bool half_closed() const { return half_closed_; }
  // What is kept of a request that has not ended.
  size_t kept_bytes() const { return reader_.kept() + request_.size(); }

  // The answer, as it leaves.
  const MetadataFields& initial_metadata() const { return initial_metadata_; }
  // Other than 200: the answer is HTTP's alone.
  int http_status() const { return http_status_; }
  // Once it is known how the call ends.
  const std::optional<CallStatus>& status() const { return status_; }
  absl::string_view body() const {
    return absl::string_view(body_).substr(taken_);
  }
  void Take(size_t bytes);
  // The first of it has left.
  void OnSent() { answered_ = true; }
  bool answered() const { return answered_; }

 private:
  void Start();
  // Whether the stream takes more of them.
  bool OnMessage(absl::string_view message);
  // Whether this is the loop's thread, and nothing waits to be done before.
  bool MayDoNow() const;
  // Runs `task` on the loop's thread.
  void DoLater(EventLoop::Task task);
  void DoWrite(absl::string_view message);
  void DoFinish(CallStatus status);
  void DoReply(absl::string_view message);
  void Append(absl::string_view message);
  // The answer ends so.
  void End(CallStatus status);
  void WaitForDeadline();
  void OnDeadline();
  void Cancel();
  void DropHandler();

  const int32_t id_;
  // nullptr once the stream is closed.
  Session* session_;
  // Whether it deletes itself once its handler has finished.
  bool owns_itself_ = false;
  LoopCalls& calls_;
  const std::shared_ptr<const EdgePeer> peer_;
  const absl::Duration arrived_;
  absl::Duration deadline_ = absl::InfiniteDuration();
  std::optional<EventLoop::TimerId> timer_;

  RequestHead head_;
  const EdgeMethod* method_ = nullptr;
  MessageReader reader_;
  // Of a method that takes one message, until the request has ended.
  std::string request_;
  bool has_request_ = false;
  bool half_closed_ = false;

  std::unique_ptr<CallHandler> handler_;
  bool drained_ = false;
  std::atomic<bool> cancelled_{false};
  // Tasks of other threads that have not run: what comes after them waits, too.
  std::atomic<int> posted_{0};

  MetadataFields initial_metadata_;
  int http_status_ = 200;
  // The session has been told of it; the client has.
  bool begun_ = false;
  bool answered_ = false;
  std::string body_;
  size_t taken_ = 0;
  std::optional<CallStatus> status_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_STREAM_H_

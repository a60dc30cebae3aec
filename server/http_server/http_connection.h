#ifndef WXIDENT_SERVER_HTTP_SERVER_HTTP_CONNECTION_H_
#define WXIDENT_SERVER_HTTP_SERVER_HTTP_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/unique_fd.h"
#include "server/edge/event_loop.h"
#include "server/http_server/request_reader.h"
#include "server/http_server/web_messages.h"

namespace wxident {

// One client's connection to an HttpServer: reads a request, waits for its
// answer, lets that leave, and only then reads on. Loop's thread.
class HttpConnection final : public EventLoop::Source {
 public:
  struct Limits {
    RequestReader::Limits request;
    // For a request to be whole, from its first byte, or from the connection's
    // beginning.
    absl::Duration request_time = absl::Seconds(10);
    // For an answer to be taken.
    absl::Duration answer_time = absl::Seconds(30);
    // Between two requests.
    absl::Duration idle_time = absl::Seconds(90);
    int requests = 1'000;
  };
  // What we said last has so long to arrive.
  static constexpr absl::Duration kLingerTime = absl::Seconds(1);

  struct Peer {
    std::string ip;
    int port = 0;
  };

  class Owner {
   public:
    virtual ~Owner() = default;
    // A request has come, and Answer is to be called for it.
    virtual void OnRequest(HttpConnection& connection,
                           const WebRequest& request) = 0;
    // It is over, and must be given to EventLoop::DeleteLater.
    virtual void OnEnded(HttpConnection& connection) = 0;
  };

  // `loop` and `owner` outlive it.
  HttpConnection(uint64_t id, UniqueFd fd, Peer peer, const Limits& limits,
                 EventLoop& loop, Owner& owner);

  void OnReady(uint32_t events) override;
  // To be called each second or sooner.
  void OnTime();

  void Answer(const WebResponse& response);
  // Ends at once, for `violation`, or "".
  void End(absl::string_view violation);

  const Peer& peer() const { return peer_; }
  // Of the constructor.
  uint64_t id() const { return id_; }
  // Whether it waits for its client, and since when.
  bool waits() const { return state_ != State::kAnswering; }
  absl::Duration waits_since() const { return since_; }
  // Bytes of an answer that have not been taken.
  size_t unsent() const { return out_.size() - sent_; }
  // Why it was ended for what the client did: "protocol" (no request that we
  // take), "slow" (a request that does not come), "unread" (an answer that is
  // not taken), "crowd" (others needed its place). Or "".
  absl::string_view violation() const { return violation_; }

 private:
  enum class State { kReading, kAnswering, kWriting, kLingering, kEnded };

  void Read();
  // Goes on with what has been read.
  void Advance();
  // Answers what is no request of which the owner hears, and ends.
  void Refuse(int status, const std::string& what);
  void Send(const WebResponse& response, bool with_body);
  void Write();
  void OnWritten();
  void Linger();
  void Discard();
  void Enter(State state, absl::Duration time);
  void WaitFor(uint32_t events);

  const uint64_t id_;
  const UniqueFd fd_;
  const Peer peer_;
  const Limits limits_;
  EventLoop& loop_;
  Owner& owner_;
  RequestReader reader_;
  State state_ = State::kReading;
  // When the state began, or the client last took something; and when the state
  // has lasted too long.
  absl::Duration since_;
  absl::Duration until_;
  uint32_t events_ = 0;
  int requests_ = 0;
  // Whether some of the request that is read has come.
  bool begun_ = false;
  // Of the request that is answered.
  bool keep_alive_ = false;
  bool wants_body_ = true;
  std::string out_;
  size_t sent_ = 0;
  absl::string_view violation_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_SERVER_HTTP_CONNECTION_H_

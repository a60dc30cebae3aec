#ifndef WXIDENT_SERVER_EDGE_EDGE_CONNECTION_H_
#define WXIDENT_SERVER_EDGE_EDGE_CONNECTION_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/edge/connection_lifetime.h"
#include "server/edge/event_loop.h"
#include "server/edge/http2_session.h"
#include "server/edge/incoming.h"

namespace wxident {

// One client's connection: takes what its socket gives through TLS to the
// HTTP/2 session, and all that the session has ready back in as few writes as
// can be. Loop's thread.
class EdgeConnection final : public EventLoop::Source,
                             private Http2Session::Owner {
 public:
  // A client has so long to say the first words of HTTP/2.
  static constexpr absl::Duration kGreetingTime = absl::Seconds(3);
  // When calls are refused because there are too many, nothing is read for so
  // long for each of them, up to a second, so that a client that does not slow
  // down of itself does not keep us busy with refusals.
  static constexpr absl::Duration kRefusalPause = absl::Milliseconds(1);
  static constexpr absl::Duration kMostPause = absl::Seconds(1);
  // What we said last has so long to arrive.
  static constexpr absl::Duration kLingerTime = absl::Seconds(1);

  // What the connections of one loop share.
  struct Scratch {
    std::array<char, 16 << 10> in;
    std::string out;
  };

  class Owner {
   public:
    virtual ~Owner() = default;
    // It is over, and must be given to EventLoop::DeleteLater.
    virtual void OnEnded(EdgeConnection& connection) = 0;
  };

  struct Options {
    Http2Session::Options session;
    ConnectionLifetime::Limits lifetime;
    // See ConnectionLifetime.
    double spread = 0.5;
  };

  // `calls`, `owner` and `scratch` outlive it.
  EdgeConnection(Incoming incoming, const Options& options, LoopCalls& calls,
                 Owner& owner, Scratch& scratch);

  void OnReady(uint32_t events) override;
  // To be called each second or sooner.
  void OnTime();

  // Lets what runs end within the grace time, then ends.
  void Drain();
  // Ends at once.
  void Abort();

  const EdgePeer& peer() const { return *incoming_.peer; }
  const PeerShare& share() const { return *incoming_.share; }
  // Why it was closed for what the client did: see Http2Session, and "tls"
  // (TlsGuard found something wrong). Or "".
  absl::string_view violation() const { return violation_; }
  // Whether the client ever came to speak HTTP/2.
  bool greeted() const { return session_.greeted(); }

 private:
  enum class State { kOpen, kLingering, kEnded };
  // What is waited for.
  uint32_t Awaited() const;

  void OnOutput() override;
  void Read();
  // Whether there is more to be read after a read of this size.
  bool HasMore(size_t size) const;
  void ReadWhatTlsKeeps();
  // Lets all leave that is ready.
  void Flush();
  // Whether all of it has gone.
  bool WriteAll(absl::string_view bytes);
  void WaitToWrite(bool wait);
  // Reads nothing for a while if there were refusals.
  void PauseForRefusals();
  void Resume();
  void StopPause();
  void FinishWork();
  void Linger();
  void Discard();
  void Violate(absl::string_view violation);
  void End();
  ssize_t ReadSome();
  ssize_t WriteSome(absl::string_view bytes);

  Incoming incoming_;
  LoopCalls& calls_;
  Owner& owner_;
  Scratch& scratch_;
  ConnectionLifetime lifetime_;
  Http2Session session_;
  State state_ = State::kOpen;
  absl::string_view violation_;
  // Whether Flush will be called anyway.
  bool will_flush_ = true;
  // What the socket did not take, and since when.
  std::string unsent_;
  bool waits_to_write_ = false;
  absl::Duration blocked_at_;
  absl::Duration give_up_at_;
  std::optional<EventLoop::TimerId> paused_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_EDGE_CONNECTION_H_

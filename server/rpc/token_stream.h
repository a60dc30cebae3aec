#ifndef WXIDENT_SERVER_RPC_TOKEN_STREAM_H_
#define WXIDENT_SERVER_RPC_TOKEN_STREAM_H_

#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "server/keeper/access_token.h"
#include "server/keeper/token_manager.h"
#include "server/policy/access_control.h"

namespace wxident {

// What happens in a stream of tokens, in order. The keeper and the policy may
// go on calling it when its call is gone. It decides, under its lock, what is
// done next: at any moment one token is on its way, or none, or the end, which
// comes last. A token begins with its line in the audit log, and is then sent;
// the next one waits until the client has taken it. While no end is set the
// call lives; the end waits for the audit log, and for nothing else.
// Thread-safe.
class TokenStream final : public TokenManager::Watcher,
                          public AccessControl::Listener {
 public:
  // The call. Each is called at most once at a time, and none after End.
  class Sink {
   public:
    // Gives the token to the audit log; OnCommitted follows.
    virtual void Commit(const AccessToken& token) = 0;
    // Sends what was committed.
    virtual void Send() = 0;
    // Whether the caller may still have tokens.
    virtual bool StillAllowed() const = 0;
    virtual void End(const absl::Status& status) = 0;

   protected:
    ~Sink() = default;
  };

  explicit TokenStream(Sink& sink) : sink_(sink) {}

  void OnToken(const AccessToken& token) override;
  void OnEnd(const absl::Status& status) override;
  void OnPolicyReplaced() override;
  // What was given to Commit may leave, or not: that ends the stream.
  void OnCommitted(const absl::Status& audited);
  // The client has taken what was sent.
  void OnTaken();

 private:
  enum class State {
    kIdle,
    // A token is with the audit log.
    kAudited,
    // One has been sent, and the client has not taken it yet.
    kSent,
  };

  // Whether the call has to be ended now, and not when the audit log lets go
  // of it; never so twice.
  bool SetEnd(const absl::Status& status);

  Sink& sink_;
  std::mutex mutex_;
  State state_ = State::kIdle;
  // Unless idle: the newest token that came meanwhile.
  std::optional<AccessToken> waiting_;
  std::optional<absl::Status> end_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_TOKEN_STREAM_H_

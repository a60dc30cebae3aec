#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "server/policy/access_control.h"
#include "server/rpc/call_record.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"

namespace wxident {
namespace {

// One stream is two objects: the call, which the edge destroys once it has
// ended, and its mailbox, which the keeper may go on calling after that. The
// mailbox decides, under its lock, what is done next: at any moment one token
// is on its way, or none, or the end, which comes last. A token begins with its
// line in the audit log, and is then sent; the next one waits until the client
// has taken it. While no end is set the call lives; the end waits for the audit
// log, and for nothing else.
class WatchAccessTokenCall final : public CallHandler {
 public:
  using Request = v1::WatchAccessTokenRequest;

  WatchAccessTokenCall(const Rpc& rpc, Call& call)
      : services_(rpc.services()), record_(rpc, call), call_(call) {}

  ~WatchAccessTokenCall() override {
    if (app_ == nullptr) return;
    services_.access.Unlisten(*mailbox_);
    services_.tokens.Unwatch(*app_, mailbox_.get());
    CountWatchers(-1);
  }

  void OnMessage(absl::string_view message) override {
    Request request;
    const absl::Status begun = record_.Begin(message, request);
    if (!begun.ok()) return mailbox_->OnEnd(begun);
    absl::StatusOr<const App*> app =
        AppField(record_, "app_id", request.app_id());
    if (!app.ok()) return mailbox_->OnEnd(app.status());
    app_ = *app;
    CountWatchers(1);
    services_.access.Listen(mailbox_);
    // The policy may have been replaced since the call was admitted.
    mailbox_->OnPolicyReplaced();
    services_.tokens.Watch(*app_, mailbox_);
  }
  void OnWritten() override { mailbox_->OnTaken(); }
  // OK: the caller watches again, over another connection.
  void OnDrain() override { mailbox_->OnEnd(absl::OkStatus()); }
  void OnCancel() override { mailbox_->OnEnd(absl::CancelledError()); }

 private:
  class Mailbox final : public TokenKeeper::Watcher,
                        public AccessControl::Listener {
   public:
    explicit Mailbox(WatchAccessTokenCall& call) : call_(call) {}

    void OnToken(const AccessToken& token) override {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (end_.has_value()) return;
        if (state_ != State::kIdle) {
          waiting_ = token;
          return;
        }
        state_ = State::kAudited;
      }
      call_.Release(token);
    }

    void OnEnd(const absl::Status& status) override {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (!SetEnd(status)) return;
      }
      call_.End(status);
    }

    void OnPolicyReplaced() override {
      const absl::Status error = AccessControl::NotAllowedError();
      {
        std::lock_guard<std::mutex> lock(mutex_);
        // While no end is set the call lives, and the lock keeps it so.
        if (end_.has_value() || call_.record_.StillAllowed()) return;
        if (!SetEnd(error)) return;
      }
      call_.End(error);
    }

    // What was given to Release may leave, or not: that ends the stream.
    void OnReleased(const absl::Status& audited) {
      absl::Status end;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        state_ = State::kSent;
        // Nobody who has gone, or has lost the right, gets it.
        const bool is_wanted = !end_.has_value() || end_->ok();
        if (is_wanted && audited.ok()) call_.Send();
        if (is_wanted && !audited.ok()) end_ = audited;
        if (!end_.has_value()) return;
        end = *end_;
      }
      call_.End(end);
    }

    // The client has taken what was sent.
    void OnTaken() {
      std::optional<AccessToken> next;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (end_.has_value()) return;
        next = std::exchange(waiting_, std::nullopt);
        state_ = next.has_value() ? State::kAudited : State::kIdle;
      }
      if (next.has_value()) call_.Release(*next);
    }

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
    bool SetEnd(const absl::Status& status) {
      if (end_.has_value()) return false;
      end_ = status;
      waiting_.reset();
      return state_ != State::kAudited;
    }

    WatchAccessTokenCall& call_;
    std::mutex mutex_;
    State state_ = State::kIdle;
    // Unless idle: the newest token that came meanwhile.
    std::optional<AccessToken> waiting_;
    std::optional<absl::Status> end_;
  };

  void Release(const AccessToken& token) {
    v1::WatchAccessTokenResponse response;
    response.set_access_token(token.token.Expose());
    Fill(token.expires_at, *response.mutable_expire_time());
    response.set_generation(token.generation);
    response.set_kind(v1::ACCESS_TOKEN_KIND_APP);
    released_ = response.SerializeAsString();
    record_.Release(
        [this](absl::Status audited) { mailbox_->OnReleased(audited); });
  }

  void Send() { call_.Write(std::exchange(released_, {})); }

  void End(const absl::Status& status) {
    call_.Finish(absl::IsCancelled(status) ? record_.EndCancelled()
                                           : record_.End(status));
  }

  void CountWatchers(int by) {
    services_.metrics.Add("wxident_watchers", {{"app_id", app_->app_id}}, by);
  }

  const Services& services_;
  CallRecord record_;
  Call& call_;
  // nullptr: of no app of ours, and never watched.
  const App* app_ = nullptr;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>(*this);
  // The message that is with the audit log.
  std::string released_;
};

}  // namespace

RpcMethod WatchAccessTokenMethod(const Services& services) {
  return MethodOf<WatchAccessTokenCall>(services);
}

}  // namespace wxident

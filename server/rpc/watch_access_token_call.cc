#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "server/access/access_control.h"
#include "server/rpc/call_record.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"

namespace wxident {
namespace {

// One stream is two objects: the call, which gRPC ends, and its mailbox, which
// the keeper may go on calling after that. The mailbox decides, under its lock,
// who starts the next operation: at any moment one write is under way, or none,
// or the one Finish, which comes last. A write begins with the token's line in
// the audit log, and only then is gRPC's. It is started without the lock, for
// it may be reported done before the start returns. Until Finish has been
// reported the call lives, and after it nothing is started: so whoever the
// mailbox sends to the call finds it alive.
class WatchAccessTokenCall final
    : public grpc::ServerWriteReactor<v1::WatchAccessTokenResponse> {
 public:
  WatchAccessTokenCall(const Services& services,
                       grpc::CallbackServerContext& context)
      : services_(services), record_(services, "WatchAccessToken", context) {}

  void Start(const v1::WatchAccessTokenRequest& request) {
    const absl::Status admitted = record_.Admit();
    if (!admitted.ok()) return mailbox_->OnEnd(admitted);
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

 private:
  class Mailbox final : public TokenKeeper::Watcher,
                        public AccessControl::Listener {
   public:
    explicit Mailbox(WatchAccessTokenCall& call) : call_(call) {}

    void OnToken(const AccessToken& token) override {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (end_.has_value()) return;
        if (writing_) {
          waiting_ = token;
          return;
        }
        writing_ = true;
      }
      call_.Write(token);
    }

    void OnEnd(const absl::Status& status) override {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (end_.has_value()) return;
        end_ = status;
        if (writing_) return;
      }
      call_.End(status);
    }

    void OnPolicyReplaced() override {
      const absl::Status error = AccessControl::NotAllowedError();
      {
        std::lock_guard<std::mutex> lock(mutex_);
        // While no end is set the call lives, and the lock keeps it so.
        if (end_.has_value() || call_.record_.StillAllowed()) return;
        end_ = error;
        waiting_.reset();
        if (writing_) return;
      }
      call_.End(error);
    }

    // An error: the token did not leave, and no other one will. It ends the
    // stream, unless the caller has gone before.
    void OnWritten(const absl::Status& written) {
      absl::Status end;
      std::optional<AccessToken> next;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (!written.ok()) {
          if (!end_.has_value() || !absl::IsCancelled(*end_)) end_ = written;
          waiting_.reset();
        }
        next = std::exchange(waiting_, std::nullopt);
        writing_ = next.has_value();
        if (!writing_ && !end_.has_value()) return;
        end = end_.value_or(absl::OkStatus());
      }
      if (next.has_value()) return call_.Write(*next);
      call_.End(end);
    }

   private:
    WatchAccessTokenCall& call_;
    std::mutex mutex_;
    bool writing_ = false;
    // While a write is under way: the newest token that came meanwhile.
    std::optional<AccessToken> waiting_;
    // How the stream ends once the write that is under way is done.
    std::optional<absl::Status> end_;
  };

  void Write(const AccessToken& token) {
    response_.set_access_token(token.token.Expose());
    Fill(token.expires_at, *response_.mutable_expire_time());
    response_.set_generation(token.generation);
    response_.set_kind(v1::ACCESS_TOKEN_KIND_APP);
    record_.Release([this](absl::Status audited) {
      if (!audited.ok()) return mailbox_->OnWritten(audited);
      StartWrite(&response_);
    });
  }

  void End(const absl::Status& status) {
    Finish(absl::IsCancelled(status) ? record_.EndCancelled()
                                     : record_.End(status));
  }

  void OnWriteDone(bool ok) override {
    // Not ok: the caller has gone.
    mailbox_->OnWritten(ok ? absl::OkStatus() : absl::CancelledError());
  }
  void OnCancel() override { mailbox_->OnEnd(absl::CancelledError()); }

  void OnDone() override {
    if (app_ != nullptr) {
      services_.access.Unlisten(*mailbox_);
      services_.tokens.Unwatch(*app_, mailbox_.get());
      CountWatchers(-1);
    }
    delete this;
  }

  void CountWatchers(int by) {
    services_.metrics.Add("wxident_watchers", {{"app_id", app_->app_id}}, by);
  }

  const Services& services_;
  CallRecord record_;
  // nullptr: of no app of ours, and never watched.
  const App* app_ = nullptr;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>(*this);
  // What is being written.
  v1::WatchAccessTokenResponse response_;
};

}  // namespace

grpc::ServerWriteReactor<v1::WatchAccessTokenResponse>* StartWatchAccessToken(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::WatchAccessTokenRequest& request) {
  auto* call = new WatchAccessTokenCall(services, context);
  call->Start(request);
  return call;
}

}  // namespace wxident

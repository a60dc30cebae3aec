#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "server/rpc/messages.h"
#include "server/rpc/method_of.h"
#include "server/rpc/rpc_context.h"
#include "server/rpc/token_stream.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

// The edge destroys it once it has ended; stream_ may live longer.
class WatchAccessTokenCall final : public CallHandler,
                                   public TokenStream::Sink {
 public:
  using Request = v1::WatchAccessTokenRequest;

  WatchAccessTokenCall(const Rpc& rpc, Call& call)
      : flows_(rpc.services().flows),
        access_(rpc.services().access),
        context_(rpc, call),
        call_(call) {}

  ~WatchAccessTokenCall() override {
    if (!app_.has_value()) return;
    access_.Unlisten(*stream_);
    flows_.tokens.Unwatch(**app_, stream_.get());
    CountWatchers(-1);
  }

  void OnMessage(absl::string_view message) override {
    Request request;
    const absl::Status begun = context_.Begin(message, request);
    if (!begun.ok()) return stream_->OnEnd(begun);
    const absl::StatusOr<AuthorizedApp> app =
        context_.AuthorizeApp("app_id", request.app_id());
    if (!app.ok()) return stream_->OnEnd(app.status());
    app_ = *app;
    CountWatchers(1);
    access_.Listen(stream_);
    // The policy may have been replaced since the call was admitted.
    stream_->OnPolicyReplaced();
    flows_.tokens.Watch(**app_, stream_);
  }
  void OnWritten() override { stream_->OnTaken(); }
  // OK: the caller watches again, over another connection.
  void OnDrain() override { stream_->OnEnd(absl::OkStatus()); }
  void OnCancel() override { stream_->OnEnd(absl::CancelledError()); }

 private:
  void Commit(const AccessToken& token) override {
    v1::WatchAccessTokenResponse response;
    response.set_access_token(token.token.Expose());
    Fill(token.expires_at, *response.mutable_expire_time());
    response.set_generation(token.generation);
    response.set_kind(v1::ACCESS_TOKEN_KIND_APP);
    committed_ = response.SerializeAsString();
    context_.CommitAudit(
        *app_, [this](absl::Status audited) { stream_->OnCommitted(audited); });
  }
  void Send() override { call_.Write(std::exchange(committed_, {})); }
  bool StillAllowed() const override { return context_.StillAllowed(); }
  void End(const absl::Status& status) override {
    call_.Finish(absl::IsCancelled(status) ? context_.EndCancelled()
                                           : context_.End(status));
  }
  void CountWatchers(int by) {
    flows_.metrics.Add("wxident_watchers", {{"app_id", (*app_)->app_id}}, by);
  }

  const Flows& flows_;
  AccessControl& access_;
  RpcContext context_;
  Call& call_;
  // nullopt: of no app of ours, and never watched.
  std::optional<AuthorizedApp> app_;
  const std::shared_ptr<TokenStream> stream_ =
      std::make_shared<TokenStream>(*this);
  // The message that is with the audit log.
  std::string committed_;
};

template RpcMethod MethodOf<WatchAccessTokenCall>(const Services& services);

}  // namespace wxident

#include "server/rpc/method_of.h"
#include "server/rpc/token_sink.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

// The edge destroys it once it has ended.
class WatchAccessTokenCall final : public CallHandler {
 public:
  using Request = v1::WatchAccessTokenRequest;

  WatchAccessTokenCall(const Rpc& rpc, Call& call)
      : flows_(rpc.services().flows),
        access_(rpc.services().access),
        sink_(rpc, call) {}

  ~WatchAccessTokenCall() override {
    if (!sink_.app().has_value()) return;
    access_.Unlisten(stream());
    flows_.tokens.Unwatch(**sink_.app(), &stream());
    CountWatchers(-1);
  }

  void OnMessage(absl::string_view message) override {
    Request request;
    const absl::Status begun = sink_.context().Begin(message, request);
    if (!begun.ok()) return stream().OnEnd(begun);
    const absl::StatusOr<AuthorizedApp> app =
        sink_.context().AuthorizeApp("app_id", request.app_id());
    if (!app.ok()) return stream().OnEnd(app.status());
    sink_.SetApp(*app);
    CountWatchers(1);
    access_.Listen(sink_.stream());
    // The policy may have been replaced since the call was admitted.
    stream().OnPolicyReplaced();
    flows_.tokens.Watch(**app, sink_.stream());
  }
  void OnWritten() override { stream().OnTaken(); }
  // OK: the caller watches again, over another connection.
  void OnDrain() override { stream().OnEnd(absl::OkStatus()); }
  void OnCancel() override { stream().OnEnd(absl::CancelledError()); }

 private:
  TokenStream& stream() { return *sink_.stream(); }
  void CountWatchers(int by) {
    flows_.metrics.Add("wxident_watchers", {{"app_id", (*sink_.app())->app_id}},
                       by);
  }

  const Flows& flows_;
  AccessControl& access_;
  TokenSink sink_;
};

template RpcMethod MethodOf<WatchAccessTokenCall>(const Services& services);

}  // namespace wxident

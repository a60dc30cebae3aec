#ifndef WXIDENT_SERVER_RPC_TOKEN_SINK_H_
#define WXIDENT_SERVER_RPC_TOKEN_SINK_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "server/edge/call.h"
#include "server/identity/authorized.h"
#include "server/keeper/access_token.h"
#include "server/rpc/rpc.h"
#include "server/rpc/rpc_context.h"
#include "server/rpc/token_stream.h"

namespace wxident {

// Where the tokens of a TokenStream go: to the audit log, then to the client.
// Part of the call object; the stream may live longer.
class TokenSink final : public TokenStream::Sink {
 public:
  // Both outlive it.
  TokenSink(const Rpc& rpc, Call& call) : context_(rpc, call), call_(call) {}

  RpcContext& context() { return context_; }
  const std::shared_ptr<TokenStream>& stream() const { return stream_; }

  // Whose tokens they are; to be called before the first.
  void SetApp(const AuthorizedApp& app) { app_ = app; }
  // nullopt: of no app of ours.
  const std::optional<AuthorizedApp>& app() const { return app_; }

  void Commit(const AccessToken& token) override;
  void Send() override;
  bool StillAllowed() const override { return context_.StillAllowed(); }
  void End(const absl::Status& status) override;

 private:
  RpcContext context_;
  Call& call_;
  std::optional<AuthorizedApp> app_;
  // The message that is with the audit log.
  std::string committed_;
  const std::shared_ptr<TokenStream> stream_ =
      std::make_shared<TokenStream>(*this);
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_TOKEN_SINK_H_

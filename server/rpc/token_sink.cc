#include "server/rpc/token_sink.h"

#include <utility>

#include "server/rpc/messages.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

void TokenSink::Commit(const AccessToken& token) {
  v1::WatchAccessTokenResponse response;
  response.set_access_token(token.token.Expose());
  Fill(token.expires_at, *response.mutable_expire_time());
  response.set_generation(token.generation);
  response.set_kind(v1::ACCESS_TOKEN_KIND_APP);
  committed_ = response.SerializeAsString();
  context_.CommitAudit(
      *app_, [this](absl::Status audited) { stream_->OnCommitted(audited); });
}

void TokenSink::Send() { call_.Write(std::exchange(committed_, {})); }

void TokenSink::End(const absl::Status& status) {
  call_.Finish(absl::IsCancelled(status) ? context_.EndCancelled()
                                         : context_.End(status));
}

}  // namespace wxident

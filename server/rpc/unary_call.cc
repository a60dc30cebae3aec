#include "server/rpc/unary_call.h"

namespace wxident {

void UnaryCallBase::OnMessage(absl::string_view message) {
  const absl::Status begun = context_.Begin(message, request_message());
  if (!begun.ok()) return Fail(begun);
  Start();
}

void UnaryCallBase::Succeed() {
  context_.CommitAudit([this](absl::Status audited) { OnReleased(audited); });
}

void UnaryCallBase::OnReleased(const absl::Status& audited) {
  // What the call did is done.
  CallStatus end = context_.End(audited, Repeat::kSpent);
  if (!audited.ok()) return call_.Finish(std::move(end));
  call_.Reply(response_message().SerializeAsString());
}

void UnaryCallBase::Fail(const absl::Status& error, Repeat repeat) {
  call_.Finish(context_.End(error, repeat));
}

void UnaryCallBase::GiveUp() { call_.Finish(context_.EndCancelled()); }

}  // namespace wxident

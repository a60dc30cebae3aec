#include "server/rpc/unary_call.h"

namespace wxident {

void UnaryCallBase::OnMessage(absl::string_view message) {
  const absl::Status begun = record_.Begin(message, request_message());
  if (!begun.ok()) return Fail(begun);
  Start();
}

void UnaryCallBase::Succeed() {
  record_.Release([this](absl::Status audited) { OnReleased(audited); });
}

void UnaryCallBase::OnReleased(const absl::Status& audited) {
  // What the call did is done.
  CallStatus end = record_.End(audited, Repeat::kSpent);
  if (!audited.ok()) return call_.Finish(std::move(end));
  call_.Reply(response_message().SerializeAsString());
}

void UnaryCallBase::Fail(const absl::Status& error,
                         std::optional<Repeat> repeat) {
  call_.Finish(record_.End(error, repeat));
}

void UnaryCallBase::GiveUp() { call_.Finish(record_.EndCancelled()); }

}  // namespace wxident

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "server/keys/key_count.h"
#include "server/rpc/admin_calls.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

v1::Resealing::State ToMessage(Reencryptor::State state) {
  switch (state) {
    case Reencryptor::State::kIdle:
      return v1::Resealing::STATE_IDLE;
    case Reencryptor::State::kRunning:
      return v1::Resealing::STATE_RUNNING;
    case Reencryptor::State::kDone:
      return v1::Resealing::STATE_DONE;
    case Reencryptor::State::kFailed:
      return v1::Resealing::STATE_FAILED;
  }
  return v1::Resealing::STATE_UNSPECIFIED;
}

void FillResealing(const Reencryptor::Status& status, v1::Resealing& message) {
  message.set_state(ToMessage(status.state));
  message.set_resealed(status.reencrypted);
  message.set_unreadable(status.unreadable);
  if (status.state == Reencryptor::State::kIdle) return;
  Fill(status.began_at, *message.mutable_start_time());
  if (status.state != Reencryptor::State::kRunning)
    Fill(status.ended_at, *message.mutable_end_time());
}

class GetKeyStatusCall final
    : public UnaryCall<v1::GetKeyStatusRequest, v1::GetKeyStatusResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    if (const absl::Status allowed = AllowEveryApp(); !allowed.ok())
      return Fail(allowed);
    CountKeys(services_.keys, deadline(),
              [this](absl::StatusOr<std::map<uint32_t, int64_t>> counts) {
                OnCounted(std::move(counts));
              });
  }

 private:
  void OnCounted(absl::StatusOr<std::map<uint32_t, int64_t>> counts) {
    if (!counts.ok()) return Fail(counts.status());
    const std::vector<uint32_t> ring = services_.key_ring.key_ids();
    for (uint32_t id : ring) {
      v1::KeyStatus& key = *response_.add_keys();
      key.set_key_id(id);
      key.set_seals(id == ring.front());
      key.set_in_ring(true);
      key.set_stored_values((*counts)[id]);
      counts->erase(id);
    }
    for (const auto& [id, values] : *counts) {
      v1::KeyStatus& key = *response_.add_keys();
      key.set_key_id(id);
      key.set_stored_values(values);
    }
    FillResealing(services_.reencryptor.GetStatus(),
                  *response_.mutable_resealing());
    Succeed();
  }
};

}  // namespace

RpcMethod GetKeyStatusMethod(const Services& services) {
  return MethodOf<GetKeyStatusCall>(services);
}

}  // namespace wxident

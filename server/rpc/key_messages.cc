#include "server/rpc/key_messages.h"

#include "server/rpc/messages.h"

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

}  // namespace

void FillKeys(const std::vector<uint32_t>& ring,
              std::map<uint32_t, int64_t> counts,
              v1::GetKeyStatusResponse& message) {
  for (uint32_t id : ring) {
    v1::KeyStatus& key = *message.add_keys();
    key.set_key_id(id);
    key.set_seals(id == ring.front());
    key.set_in_ring(true);
    key.set_stored_values(counts[id]);
    counts.erase(id);
  }
  for (const auto& [id, values] : counts) {
    v1::KeyStatus& key = *message.add_keys();
    key.set_key_id(id);
    key.set_stored_values(values);
  }
}

void Fill(const Reencryptor::Status& status, v1::Resealing& message) {
  message.set_state(ToMessage(status.state));
  message.set_resealed(status.reencrypted);
  message.set_unreadable(status.unreadable);
  if (status.state == Reencryptor::State::kIdle) return;
  Fill(status.began_at, *message.mutable_start_time());
  if (status.state != Reencryptor::State::kRunning)
    Fill(status.ended_at, *message.mutable_end_time());
}

}  // namespace wxident

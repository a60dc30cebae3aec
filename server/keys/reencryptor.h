#ifndef WXIDENT_SERVER_KEYS_REENCRYPTOR_H_
#define WXIDENT_SERVER_KEYS_REENCRYPTOR_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/in_flight.h"
#include "server/base/metrics.h"
#include "server/base/timer.h"
#include "server/crypto/key_ring.h"
#include "server/store/key_store.h"

namespace wxident {

// Seals every stored value anew that is not under the ring's first key, while
// callers go on: batch after batch, each followed by a pause of twice the time
// it took, so that at most a third of one database worker is spent on it. It
// goes through all values again and again, ever less often, until one pass
// finds nothing to do: what a statement under way, or a replica with an older
// ring, sealed behind its back is found by the next pass.
//
// Nothing about it is stored. Values that are done are passed over, so it may
// be killed and begun again anywhere, and several replicas may do it at once.
// Thread-safe.
class Reencryptor {
 public:
  enum class State { kIdle, kRunning, kDone, kFailed };
  struct Status {
    State state = State::kIdle;
    // Since Begin.
    int64_t reencrypted = 0;
    // Of the last whole pass, or of the one under way if that found more.
    int64_t unreadable = 0;
    absl::Time began_at = absl::InfinitePast();
    // absl::InfiniteFuture() while it runs.
    absl::Time ended_at = absl::InfinitePast();
  };

  // All of them outlive it. After Stop it does nothing when the timer calls,
  // which it must no longer do when this is destroyed.
  Reencryptor(KeyStore& store, const KeyRing& key_ring, Timer& timer,
              Clock& clock, Metrics& metrics);

  // Begins, unless it is under way.
  void Begin();

  Status GetStatus() const;

  // Begins nothing any more and waits for the batch under way, at most 5 s.
  void Stop();

 private:
  // One way through all values.
  struct Pass {
    uint32_t key_id = 0;
    bool is_clean = true;
    std::map<UnreadablePlace, int64_t> unreadable;
  };

  void RunAfter(absl::Duration pause, void (Reencryptor::*step)());
  void StartPass();
  void StartBatch();
  void OnBatch(absl::StatusOr<ReencryptedBatch> batch);
  void OnEveryValueDone();
  void OnMarked(const absl::Status& marked);
  // All of these are called with the lock held.
  void Take(const ReencryptedBatch& batch);
  bool OutOfPatience(const absl::Status& error);
  void End(State state);
  void LogUnreadable();

  KeyStore& store_;
  const KeyRing& key_ring_;
  Timer& timer_;
  Clock& clock_;
  Metrics& metrics_;

  mutable std::mutex mutex_;
  Status status_;
  Pass pass_;
  std::map<UnreadablePlace, int64_t> logged_;
  std::optional<KeyPosition> position_;
  absl::Duration batch_began_;
  // Passes that were not clean, since there was last much to do.
  int rests_ = 0;
  // Batches in a row that got no answer.
  int failures_ = 0;
  // Operations of the store.
  InFlight in_flight_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEYS_REENCRYPTOR_H_

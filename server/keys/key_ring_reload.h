#ifndef WXIDENT_SERVER_KEYS_KEY_RING_RELOAD_H_
#define WXIDENT_SERVER_KEYS_KEY_RING_RELOAD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/done.h"
#include "server/base/in_flight.h"
#include "server/base/metrics.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/random.h"
#include "server/store/key_store.h"

namespace wxident {

// Replaces the key ring by what its file says now, once the whole of it is
// known to be good: it parses, and none of its keys is another than the one
// that the database knows by its id. Thread-safe.
class KeyRingReload {
 public:
  // Reads and parses the ring's file. It is small and local, so whoever asks
  // for a reload waits for it. Errors: kInvalidArgument, telling what is wrong.
  using ReadFn = std::function<absl::StatusOr<std::vector<KeyRing::Key>>()>;

  // The references outlive it. To be asked for a first reload before anything
  // is sealed.
  KeyRingReload(KeyRing& key_ring, ReadFn read, KeyStore& store, Random& random,
                Clock& clock, Metrics& metrics);
  // Stops: who asked may be answered, and end this, before a reload has ended.
  ~KeyRingReload() { Stop(); }

  // Reloads run one after the other. Whoever asks while one runs is answered
  // by one that begins after it, so the file as it is now, or newer, is what
  // the ring holds then. Errors, with which the ring stays as it was:
  // REQUEST_INVALID for what the file holds, STORE_UNAVAILABLE.
  void Reload(DoneStatus done);

  // Begins nothing any more and waits for the reload under way, at most 5 s.
  void Stop();

 private:
  void Run();
  void OnChecked(const KeyRing& ring,
                 absl::StatusOr<std::vector<uint32_t>> missing);
  void End(const absl::Status& status);

  KeyRing& key_ring_;
  const ReadFn read_;
  KeyStore& store_;
  Random& random_;
  Clock& clock_;
  Metrics& metrics_;

  InFlight in_flight_;
  std::mutex mutex_;
  // One reload after the other, as one operation in flight.
  bool running_ = false;
  // Who is answered by the reload under way, and by the next one.
  std::vector<DoneStatus> served_;
  std::vector<DoneStatus> waiting_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEYS_KEY_RING_RELOAD_H_

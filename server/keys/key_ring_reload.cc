#include "server/keys/key_ring_reload.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "server/base/deadline.h"
#include "server/base/log.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

constexpr absl::Duration kCheckBudget = absl::Seconds(5);

absl::Status BadFile(absl::string_view what) {
  return Error(Reason::kRequestInvalid,
               absl::StrCat("the key ring's file cannot be used: ", what))
      .ToStatus();
}

absl::Status Stopped() {
  return Error(Reason::kStoreUnavailable, "the server is stopping").ToStatus();
}

}  // namespace

KeyRingReload::KeyRingReload(KeyRing& key_ring, ReadFn read, KeyStore& store,
                             Random& random, Clock& clock, Metrics& metrics)
    : key_ring_(key_ring),
      read_(std::move(read)),
      store_(store),
      random_(random),
      clock_(clock),
      metrics_(metrics) {}

void KeyRingReload::Reload(DoneStatus done) {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    if (running_) return waiting_.push_back(std::move(done));
    if (!in_flight_.Begin()) {
      lock.unlock();
      return std::move(done)(Stopped());
    }
    served_.push_back(std::move(done));
    running_ = true;
  }
  Run();
}

void KeyRingReload::Run() {
  absl::StatusOr<std::vector<KeyRing::Key>> keys = read_();
  if (!keys.ok()) return End(BadFile(keys.status().message()));
  absl::StatusOr<std::shared_ptr<KeyRing>> ring =
      KeyRing::Create(*std::move(keys), random_);
  if (!ring.ok()) return End(BadFile(ring.status().message()));
  store_.CheckCanaries(
      *ring, /*remember=*/true, Deadline::After(kCheckBudget, clock_),
      [this, ring = *ring](absl::StatusOr<std::vector<uint32_t>> missing) {
        OnChecked(*ring, std::move(missing));
      });
}

void KeyRingReload::OnChecked(const KeyRing& ring,
                              absl::StatusOr<std::vector<uint32_t>> missing) {
  if (!missing.ok()) return End(missing.status());
  key_ring_.Replace(ring);
  metrics_.Set("wxident_key_ring_missing", {},
               static_cast<double>(missing->size()));
  if (!missing->empty())
    Log(LogLevel::kWarning, "keys are missing in the ring",
        {{"key_ids", absl::StrJoin(*missing, ",")},
         {"message",
          "what they sealed cannot be read; put them back, or log in anew"}});
  Log(LogLevel::kInfo, "key ring loaded",
      {{"sealing_key_id", absl::StrCat(ring.sealing_key_id())},
       {"key_ids", absl::StrJoin(ring.key_ids(), ",")}});
  End(absl::OkStatus());
}

void KeyRingReload::End(const absl::Status& status) {
  std::vector<DoneStatus> served;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    served.swap(served_);
  }
  for (DoneStatus& done : served) std::move(done)(status);
  bool again = false;
  std::vector<DoneStatus> refused;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    served_.swap(waiting_);
    if (in_flight_.stopping()) refused.swap(served_);
    again = !served_.empty();
    running_ = again;
  }
  if (again) return Run();
  in_flight_.End();
  for (DoneStatus& done : refused) std::move(done)(Stopped());
}

void KeyRingReload::Stop() { in_flight_.Stop(); }

}  // namespace wxident

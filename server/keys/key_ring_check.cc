#include "server/keys/key_ring_check.h"

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/keys/key_count.h"

namespace wxident {
namespace {

constexpr absl::Duration kCheckBudget = absl::Seconds(10);
// A count reads every sealed value: some million a second.
constexpr absl::Duration kCountBudget = absl::Hours(1);

}  // namespace

void CheckKeyRing(KeyStore& store, std::shared_ptr<KeyRing> ring, Clock& clock,
                  Done<std::map<uint32_t, int64_t>> done) {
  store.CheckCanaries(
      std::move(ring), /*remember=*/false, Deadline::After(kCheckBudget, clock),
      [&store, &clock, done = std::move(done)](
          absl::StatusOr<std::vector<uint32_t>> missing) mutable {
        if (!missing.ok()) return std::move(done)(missing.status());
        CountKeys(store, Deadline::After(kCountBudget, clock), std::move(done));
      });
}

}  // namespace wxident

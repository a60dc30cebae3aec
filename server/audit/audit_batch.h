#ifndef WXIDENT_SERVER_AUDIT_AUDIT_BATCH_H_
#define WXIDENT_SERVER_AUDIT_AUDIT_BATCH_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/audit/audit_writer.h"
#include "server/base/done.h"

namespace wxident {

// Who waits for a line: the `done` of a Write, or nobody, for a Note.
struct AuditWaiter {
  bool note = false;
  // Also nullptr once it has been told.
  DoneStatus done;
  // On Clock::Monotonic().
  absl::Duration until = absl::InfiniteDuration();

  bool IsLate(absl::Duration now) const {
    return done != nullptr && until <= now;
  }
};

// Lines to be written, and who waits for them: two lists side by side. Plain.
struct AuditBatch {
  std::vector<AuditWriter::Item> items;
  std::vector<AuditWaiter> waiters;

  void Add(AuditWriter::Item item, AuditWaiter waiter) {
    items.push_back(std::move(item));
    waiters.push_back(std::move(waiter));
  }

  // Takes out the lines of those who have waited until `now`; appends who
  // waited to `late`.
  void TakeLate(absl::Duration now, std::vector<DoneStatus>& late) {
    size_t kept = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      if (waiters[i].IsLate(now)) {
        late.push_back(std::move(waiters[i].done));
        continue;
      }
      if (kept != i) {
        items[kept] = std::move(items[i]);
        waiters[kept] = std::move(waiters[i]);
      }
      ++kept;
    }
    items.resize(kept);
    waiters.resize(kept);
  }
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_AUDIT_AUDIT_BATCH_H_

#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_LINKS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_LINKS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "absl/time/time.h"
#include "server/store/postgres/pool/back_off.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// One connection of a pool.
struct PgLink {
  std::unique_ptr<SqlSession> session;
  // Of which renewal; see PgLinks::Renew.
  uint64_t age = 0;
  absl::Duration free_since = absl::ZeroDuration();
};

// The connections of a PgPool: which are free, and when another may be made.
// Moments are of Clock::Monotonic(). Not thread-safe: the pool's lock guards
// it.
class PgLinks {
 public:
  explicit PgLinks(int most) : most_(most) {}

  // Free ones and taken ones.
  int count() const { return count_; }
  bool has_free() const { return !free_.empty(); }
  // The one that was used last, so that those not needed grow old.
  PgLink Take();
  // Keeps a taken one, unless it is of before the last Renew.
  void GiveBack(PgLink link, absl::Duration now);
  // A taken one is gone. Its session is the caller's.
  void Lose() { --count_; }
  // Closes free ones: all of them, the oldest, or what was not needed for a
  // minute, but for one.
  void DropFree();
  void DropOldestFree();
  void DropUnneeded(absl::Duration now);
  // No connection that there is now is to be used again, once it is free.
  void Renew();
  // Of those made from now on.
  uint64_t age() const { return age_; }

  // One connection at a time is made. While others serve, the next try after a
  // refusal may be as late as 10 s after it, and otherwise 1 s.
  bool MayDial(absl::Duration now) const;
  bool full() const { return count_ >= most_; }
  bool dialing() const { return dialing_; }
  void BeginDial() { dialing_ = true; }
  // Gives the new one, taken. `*first`: until now there was none to be had.
  PgLink Dialled(std::unique_ptr<SqlSession> session, bool* first);
  void DialFailed(absl::Duration now);
  // The last try was refused.
  bool refused() const { return back_off_.failing(); }
  // There is no connection, and none to be expected just now.
  bool Down(absl::Duration now) const;
  // How many there may be, as far as it is known.
  int AtMost() const;

 private:
  bool Due(absl::Duration now) const;

  const int most_;
  int count_ = 0;
  uint64_t age_ = 0;
  // The longest free in front.
  std::deque<PgLink> free_;
  bool dialing_ = false;
  BackOff back_off_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_LINKS_H_

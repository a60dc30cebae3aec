#include "server/store/postgres/pool/pg_links.h"

#include <algorithm>
#include <utility>

namespace wxident {
namespace {

constexpr absl::Duration kUnneeded = absl::Seconds(60);
// With the time that a connection takes, it keeps recovery below 2 s.
constexpr absl::Duration kMostWithout = absl::Seconds(1);
constexpr absl::Duration kMostWithOthers = absl::Seconds(10);

}  // namespace

PgLink PgLinks::Take() {
  PgLink link = std::move(free_.back());
  free_.pop_back();
  return link;
}

void PgLinks::GiveBack(PgLink link, absl::Duration now) {
  if (link.age != age_) {
    --count_;
    return;
  }
  link.free_since = now;
  free_.push_back(std::move(link));
}

void PgLinks::DropFree() {
  count_ -= static_cast<int>(free_.size());
  free_.clear();
}

void PgLinks::DropOldestFree() {
  if (free_.empty()) return;
  free_.pop_front();
  --count_;
}

void PgLinks::DropUnneeded(absl::Duration now) {
  while (free_.size() > 1 && now >= free_.front().free_since + kUnneeded)
    DropOldestFree();
}

void PgLinks::Renew() {
  ++age_;
  DropFree();
}

bool PgLinks::MayDial(absl::Duration now) const {
  return !dialing_ && !full() && Due(now);
}

PgLink PgLinks::Dialled(std::unique_ptr<SqlSession> session, bool* first) {
  *first = count_ == 0 && back_off_.failing();
  dialing_ = false;
  back_off_.Succeed();
  ++count_;
  PgLink link;
  link.session = std::move(session);
  link.age = age_;
  return link;
}

void PgLinks::DialFailed(absl::Duration now) {
  dialing_ = false;
  back_off_.Fail(now);
}

bool PgLinks::Down(absl::Duration now) const {
  return count_ == 0 && back_off_.failing() && (dialing_ || !Due(now));
}

int PgLinks::AtMost() const { return refused() ? std::max(1, count_) : most_; }

bool PgLinks::Due(absl::Duration now) const {
  return back_off_.Due(now, count_ == 0 ? kMostWithout : kMostWithOthers);
}

}  // namespace wxident

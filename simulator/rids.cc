#include "simulator/rids.h"

#include <utility>

#include "absl/strings/ascii.h"

namespace wxident::simulator {
namespace {

constexpr absl::Duration kKept = absl::Hours(7 * 24);

}  // namespace

void Rids::Add(const std::string& rid, Call call) {
  if (!calls_.insert_or_assign(rid, std::move(call)).second) return;
  oldest_first_.push_back(rid);
  if (oldest_first_.size() > kMax) {
    calls_.erase(oldest_first_.front());
    oldest_first_.pop_front();
  }
}

const Rids::Call* Rids::Find(const std::string& rid, absl::Time now) const {
  auto found = calls_.find(rid);
  if (found == calls_.end() || now - found->second.time > kKept) return nullptr;
  return &found->second;
}

bool IsRid(absl::string_view text) {
  if (text.size() != 26) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool fits =
        i == 8 || i == 17 ? text[i] == '-' : absl::ascii_isxdigit(text[i]);
    if (!fits) return false;
  }
  return true;
}

}  // namespace wxident::simulator

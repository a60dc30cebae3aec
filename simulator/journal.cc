#include "simulator/journal.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace wxident::simulator {
namespace {

Json EntryToJson(const Journal::Entry& entry) {
  Json out = {{"seq", entry.seq},
              {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", entry.time,
                                        absl::UTCTimeZone())},
              {"method", entry.method},
              {"path", entry.path},
              {"app_id", entry.app_id}};
  if (!entry.user.empty()) out["user"] = entry.user;
  out["outcome"] = entry.outcome;
  if (entry.errcode.has_value()) out["errcode"] = *entry.errcode;
  if (entry.http_status != 0) out["http_status"] = entry.http_status;
  out["effect"] = entry.effect;
  if (entry.given.has_value())
    out["given"] = {{"digest", entry.given->digest},
                    {"issued", entry.given->issued},
                    {"forced", entry.given->forced}};
  if (!entry.fault.empty()) out["fault"] = entry.fault;
  return out;
}

}  // namespace

uint64_t Journal::Add(Entry entry, size_t limit) {
  entry.seq = ++last_seq_;
  entries_.push_back(std::move(entry));
  while (entries_.size() > limit) entries_.pop_front();
  return last_seq_;
}

Journal::Entry* Journal::Find(uint64_t seq) {
  if (entries_.empty() || seq < entries_.front().seq || seq > last_seq_)
    return nullptr;
  return &entries_[seq - entries_.front().seq];
}

Json Journal::ToJson(const Filter& filter) const {
  std::vector<const Entry*> matching;
  for (const Entry& entry : entries_) {
    if (entry.seq <= filter.since) continue;
    if (!filter.path.empty() && entry.path != filter.path) continue;
    if (!filter.app_id.empty() && entry.app_id != filter.app_id) continue;
    if (!filter.user.empty() && entry.user != filter.user) continue;
    matching.push_back(&entry);
  }
  Json calls = Json::array();
  const size_t shown = std::min(filter.limit, matching.size());
  for (size_t i = matching.size() - shown; i < matching.size(); ++i)
    calls.push_back(EntryToJson(*matching[i]));
  return {{"count", matching.size()},
          {"forgotten", last_seq_ - entries_.size()},
          {"calls", std::move(calls)}};
}

}  // namespace wxident::simulator

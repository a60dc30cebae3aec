#include "server/keys/key_count.h"

#include <utility>

namespace wxident {
namespace {

struct Count {
  KeyStore& store;
  const Deadline deadline;
  std::map<uint32_t, int64_t> values;
  Done<std::map<uint32_t, int64_t>> done;
};

void CountFrom(KeyPosition from, Count count) {
  KeyStore& store = count.store;
  const Deadline deadline = count.deadline;
  store.Count(
      std::move(from), deadline,
      [count = std::move(count)](absl::StatusOr<KeyCounts> page) mutable {
        if (!page.ok()) return std::move(count.done)(page.status());
        for (const auto& [id, values] : page->values)
          count.values[id] += values;
        if (page->next.has_value())
          return CountFrom(*std::move(page->next), std::move(count));
        std::move(count.done)(std::move(count.values));
      });
}

}  // namespace

void CountKeys(KeyStore& store, Deadline deadline,
               Done<std::map<uint32_t, int64_t>> done) {
  CountFrom({}, {store, deadline, {}, std::move(done)});
}

}  // namespace wxident

#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_SESSION_CACHE_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_SESSION_CACHE_H_

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/time/time.h"
#include "wxident/v1/types.pb.h"

namespace wxident::client {

// Active sessions by the hash of their token, each for a second from when the
// server was asked, and never beyond its own end. At most 10,000: the oldest
// goes first. Not thread-safe.
class SessionCache {
 public:
  static constexpr absl::Duration kLife = absl::Seconds(1);
  static constexpr size_t kMost = 10'000;

  std::optional<v1::Session> Find(const std::string& hash,
                                  absl::Time now) const;
  void Remember(const std::string& hash, const v1::Session& session,
                absl::Time asked);
  size_t size() const { return by_hash_.size(); }

 private:
  struct Entry {
    std::string hash;
    v1::Session session;
    absl::Time asked;
    absl::Time until;
  };

  // As they were remembered, the oldest first.
  std::list<Entry> entries_;
  std::unordered_map<std::string, std::list<Entry>::iterator> by_hash_;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_SESSION_CACHE_H_

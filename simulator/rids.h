#ifndef WXIDENT_SIMULATOR_RIDS_H_
#define WXIDENT_SIMULATOR_RIDS_H_

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace wxident::simulator {

// The calls that were answered with an error, by the rid in it. Not
// thread-safe.
class Rids {
 public:
  struct Call {
    // Empty when the caller was not known.
    std::string app_id;
    // Without the query, which may hold secrets.
    std::string path;
    std::string client_ip;
    std::string answer;
    absl::Time time;
  };

  void Add(const std::string& rid, Call call);

  // nullptr when unknown or older than 7 days.
  const Call* Find(const std::string& rid, absl::Time now) const;

 private:
  // Bounds the memory of a long load test: beyond it the oldest are forgotten.
  static constexpr size_t kMax = 10000;

  std::unordered_map<std::string, Call> calls_;
  std::deque<std::string> oldest_first_;
};

// Three groups of eight hex digits.
bool IsRid(absl::string_view text);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_RIDS_H_

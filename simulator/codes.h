#ifndef WXIDENT_SIMULATOR_CODES_H_
#define WXIDENT_SIMULATOR_CODES_H_

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"

namespace wxident::simulator {

enum class CodeKind { kLogin, kPhone, kOauth };

// One-time codes of all apps. Not thread-safe.
class Codes {
 public:
  struct Code {
    CodeKind kind;
    std::string app_id;
    std::string user;
    absl::Time issued_at;
    absl::Time expires_at;
    bool used = false;
    // Of an OAuth code.
    std::string scope;
    bool snapshot = false;
  };

  void Add(const std::string& text, Code code);

  // nullptr when never issued, or so long ago that it is forgotten.
  Code* Find(const std::string& text);

  size_t size() const { return codes_.size(); }

  // Every code that is not forgotten.
  std::vector<std::string> All() const;

 private:
  // Bounds the memory of a long load test: beyond it the oldest are forgotten.
  static constexpr size_t kMax = 1000000;

  std::unordered_map<std::string, Code> codes_;
  std::deque<std::string> oldest_first_;
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_CODES_H_

#ifndef WXIDENT_SERVER_HTTP_SHARES_H_
#define WXIDENT_SERVER_HTTP_SHARES_H_

#include <map>
#include <string>

namespace wxident {

// A number of places that kinds of requests share: a kind gets one more while
// it holds fewer than are free. So one kind alone gets half of all, rounded up,
// two get a third each, and a kind whose requests never end leaves places to
// the others. Not thread-safe.
class Shares {
 public:
  explicit Shares(int places) : places_(places) {}

  bool MayTake(const std::string& kind) const {
    const auto found = held_.find(kind);
    return (found == held_.end() ? 0 : found->second) < places_ - taken_;
  }
  void Take(const std::string& kind) {
    ++held_[kind];
    ++taken_;
  }
  void GiveBack(const std::string& kind) {
    --held_[kind];
    --taken_;
  }

  // Of all kinds.
  int taken() const { return taken_; }

 private:
  const int places_;
  int taken_ = 0;
  std::map<std::string, int> held_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_SHARES_H_

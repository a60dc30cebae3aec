#include "simulator/codes.h"

#include <utility>

namespace wxident::simulator {

void Codes::Add(const std::string& text, Code code) {
  if (!codes_.insert_or_assign(text, std::move(code)).second) return;
  oldest_first_.push_back(text);
  if (oldest_first_.size() > kMax) {
    codes_.erase(oldest_first_.front());
    oldest_first_.pop_front();
  }
}

Codes::Code* Codes::Find(const std::string& text) {
  auto found = codes_.find(text);
  return found == codes_.end() ? nullptr : &found->second;
}

std::vector<std::string> Codes::All() const {
  return {oldest_first_.begin(), oldest_first_.end()};
}

}  // namespace wxident::simulator

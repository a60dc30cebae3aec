#include "server/base/backoff.h"

#include <cstdint>
#include <random>

namespace wxident {

absl::Duration Backoff::PauseAfter(int earlier) const {
  absl::Duration pause = first;
  for (int i = 0; i < earlier && pause < longest; ++i) pause *= 2;
  return pause < longest ? pause : longest;
}

absl::Duration Jittered(absl::Duration pause, double least, double most,
                        double chance) {
  return pause * (least + (most - least) * chance);
}

double Chance() {
  thread_local std::minstd_rand random{std::random_device()()};
  return std::uniform_real_distribution<double>(0, 1)(random);
}

double ChanceOf(absl::string_view bytes) {
  uint64_t number = 0;
  uint64_t largest = 0;
  for (char byte : bytes) {
    number = number << 8 | static_cast<unsigned char>(byte);
    largest = largest << 8 | 0xff;
  }
  return static_cast<double>(number) / static_cast<double>(largest);
}

}  // namespace wxident

#ifndef WXIDENT_TESTS_CRYPTO_FAKE_RANDOM_H_
#define WXIDENT_TESTS_CRYPTO_FAKE_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>

#include "server/crypto/random.h"

namespace wxident {

// Bytes that are the same in every run with the same seed, and that follow one
// sequence whatever sizes are asked for. Thread-safe.
class FakeRandom final : public Random {
 public:
  explicit FakeRandom(uint64_t seed = 1) : engine_(seed) {}

  std::string Bytes(size_t size) override {
    std::lock_guard<std::mutex> lock(mutex_);
    std::string out(size, '\0');
    for (char& byte : out) byte = static_cast<char>(engine_() >> 56);
    return out;
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_CRYPTO_FAKE_RANDOM_H_

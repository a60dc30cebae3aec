#include "server/crypto/random.h"

#include <openssl/rand.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace wxident {
namespace {

void Fill(char* to, size_t size) {
  if (RAND_bytes(reinterpret_cast<unsigned char*>(to),
                 static_cast<int>(size)) != 1)
    std::abort();
}

// How many processes there were before this one, each the next one's parent.
std::atomic<uint64_t> forks{0};

// Bytes that a thread has fetched and not given yet.
struct Stock {
  std::array<char, 1024> bytes;
  size_t used = sizeof(bytes);
  uint64_t fetched_in = 0;
};

class OpenSslRandom final : public Random {
 public:
  OpenSslRandom() {
    pthread_atfork(nullptr, nullptr,
                   [] { forks.fetch_add(1, std::memory_order_relaxed); });
  }

  std::string Bytes(size_t size) override {
    std::string out(size, '\0');
    Fill(out.data(), size);
    return out;
  }

  std::string Name(size_t size) override {
    thread_local Stock stock;
    // A child would give the names that its parent gives.
    const uint64_t here = forks.load(std::memory_order_relaxed);
    if (size > stock.bytes.size() - stock.used || stock.fetched_in != here) {
      if (size > stock.bytes.size()) return Bytes(size);
      Fill(stock.bytes.data(), stock.bytes.size());
      stock.used = 0;
      stock.fetched_in = here;
    }
    std::string out(stock.bytes.data() + stock.used, size);
    stock.used += size;
    return out;
  }
};

}  // namespace

Random& SystemRandom() {
  static OpenSslRandom& random = *new OpenSslRandom;
  return random;
}

}  // namespace wxident

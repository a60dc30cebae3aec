#include "server/crypto/random.h"

#include <openssl/rand.h>

#include <cstdlib>

namespace wxident {
namespace {

class OpenSslRandom final : public Random {
 public:
  std::string Bytes(size_t size) override {
    std::string out(size, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()),
                   static_cast<int>(size)) != 1)
      std::abort();
    return out;
  }
};

}  // namespace

Random& SystemRandom() {
  static OpenSslRandom& random = *new OpenSslRandom;
  return random;
}

}  // namespace wxident

#ifndef WXIDENT_SERVER_CRYPTO_RANDOM_H_
#define WXIDENT_SERVER_CRYPTO_RANDOM_H_

#include <cstddef>
#include <string>

namespace wxident {

// Where unguessable bytes come from. Injected, so that tests repeat and can
// make it fail. Thread-safe.
class Random {
 public:
  virtual ~Random() = default;

  // `size` bytes. Ends the process when the source fails: no token may ever be
  // made of guessable bytes.
  virtual std::string Bytes(size_t size) = 0;

  // The same for what is no secret, such as the ids of requests: cheaper, for
  // these bytes lie in memory for a while before they are given.
  virtual std::string Name(size_t size) { return Bytes(size); }
};

// OpenSSL's generator. Lives for ever.
Random& SystemRandom();

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_RANDOM_H_

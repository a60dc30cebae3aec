#ifndef WXIDENT_SERVER_CRYPTO_SECRET_H_
#define WXIDENT_SERVER_CRYPTO_SECRET_H_

#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace wxident {

// Text that must not be seen: an app secret, session_key, token, phone. It is
// wiped when destroyed, has no printer and no conversion, and compares in
// constant time. Read it with Expose(), a name that a search finds.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret& other) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) {
    other.Wipe();
  }
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { Wipe(); }

  // Valid while this Secret lives and is not assigned to.
  const std::string& Expose() const { return value_; }

  bool empty() const { return value_.empty(); }
  size_t size() const { return value_.size(); }

  // Takes the same time wherever two values of one length differ.
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  void Wipe();

  std::string value_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_SECRET_H_

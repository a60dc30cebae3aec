#ifndef WXIDENT_SERVER_BASE_UNIQUE_FD_H_
#define WXIDENT_SERVER_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace wxident {

// Owns a descriptor.
class UniqueFd {
 public:
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&&) = delete;
  ~UniqueFd() {
    if (fd_ >= 0) close(fd_);
  }

  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_UNIQUE_FD_H_

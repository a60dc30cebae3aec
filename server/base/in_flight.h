#ifndef WXIDENT_SERVER_BASE_IN_FLIGHT_H_
#define WXIDENT_SERVER_BASE_IN_FLIGHT_H_

#include <condition_variable>
#include <mutex>

namespace wxident {

// Counts what is under way, so that an owner can wait for all of it before it
// goes. Held by shared_ptr: what a timer still holds finds it after the owner.
// Thread-safe.
class InFlight {
 public:
  // False once Stop has been called: begin nothing, and do not touch the owner.
  [[nodiscard]] bool Begin() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return false;
    ++count_;
    return true;
  }

  // The last act of what began: the owner may be gone after it.
  void End() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }

  bool stopping() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return stopping_;
  }

  // Lets nothing begin any more and waits until everything has ended.
  void Stop() {
    std::unique_lock<std::mutex> lock(mutex_);
    stopping_ = true;
    none_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable none_;
  bool stopping_ = false;
  int count_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_IN_FLIGHT_H_

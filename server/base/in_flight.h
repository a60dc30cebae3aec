#ifndef WXIDENT_SERVER_BASE_IN_FLIGHT_H_
#define WXIDENT_SERVER_BASE_IN_FLIGHT_H_

#include "server/base/mutex.h"

namespace wxident {

// Counts the operations that are in flight, so that their owner can wait for
// all of them before it goes. Whoever may come after the owner, a timer for
// example, holds this by shared_ptr. Thread-safe.
class InFlight {
 public:
  // Begins an operation, to be followed by End. Returns false once Stop has
  // been called: then nothing may begin, and the owner may not be touched.
  [[nodiscard]] bool Begin() {
    MutexLock lock(mutex_);
    if (stopping_) return false;
    ++count_;
    return true;
  }

  // Ends an operation. It is the operation's last act: the owner may be gone
  // after it.
  void End() {
    MutexLock lock(mutex_);
    if (--count_ == 0) none_.NotifyAll();
  }

  // Returns whether Stop has been called.
  bool stopping() const {
    MutexLock lock(mutex_);
    return stopping_;
  }

  // Lets nothing begin any more and waits until everything has ended.
  void Stop() {
    MutexLock lock(mutex_);
    stopping_ = true;
    while (count_ > 0) none_.Wait(mutex_);
  }

 private:
  mutable Mutex mutex_;
  CondVar none_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_IN_FLIGHT_H_

#ifndef WXIDENT_SERVER_BASE_MUTEX_H_
#define WXIDENT_SERVER_BASE_MUTEX_H_

#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

// Locks that clang checks: a member with ABSL_GUARDED_BY(mutex_) is touched,
// and a function with ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) is called, only
// while mutex_ is held. script/lib/thread_safety.sh runs the check. std::mutex
// is inside, for ThreadSanitizer knows it (docs/adr/0001).

namespace wxident {

// A lock that one thread holds at a time. Not recursive.
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a Mutex from its construction to its end. Unlock ends that earlier, and
// Lock begins it again.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(mutex) {
    mutex_.Lock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() ABSL_UNLOCK_FUNCTION() {
    if (held_) mutex_.Unlock();
  }

  void Unlock() ABSL_UNLOCK_FUNCTION() {
    held_ = false;
    mutex_.Unlock();
  }
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    mutex_.Lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

// Lets threads wait for a change of what `mutex` guards. A wait gives the mutex
// up and has it again when it returns. It may return without a change, so it
// stands in a loop that looks at the condition:
//
//   MutexLock lock(mutex_);
//   while (!ready_) changed_.Wait(mutex_);
//
// Thread-safe.
class CondVar {
 public:
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // Returns false if `longest` has passed. It must not be infinite.
  bool WaitFor(Mutex& mutex, absl::Duration longest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool notified =
        condition_.wait_for(lock, absl::ToChronoNanoseconds(longest)) ==
        std::cv_status::no_timeout;
    lock.release();
    return notified;
  }

 private:
  std::condition_variable condition_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_MUTEX_H_

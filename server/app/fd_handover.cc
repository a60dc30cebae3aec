#include "server/app/fd_handover.h"

#include <utility>

namespace wxident {

FdHandover::FdHandover(std::vector<Taker> takers) {
  for (Taker& take : takers)
    threads_.emplace_back([this, take = std::move(take)] { Work(take); });
}

FdHandover::~FdHandover() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void FdHandover::Give(int fd) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(fd);
  }
  changed_.notify_one();
}

void FdHandover::Work(const Taker& take) {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const int fd = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    take(fd);
    lock.lock();
  }
}

}  // namespace wxident

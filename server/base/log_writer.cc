#include "server/base/log_writer.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

namespace wxident {
namespace {

// What a pipe takes as a whole, so that processes that share one do not break
// each other's lines.
constexpr size_t kWhole = PIPE_BUF;

// The part of `text` to be written next: lines as far as they fit.
size_t SizeOfNext(std::string_view text) {
  if (text.size() <= kWhole) return text.size();
  const size_t end = text.rfind('\n', kWhole - 1);
  return end == std::string_view::npos ? text.size() : end + 1;
}

void WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), SizeOfNext(text));
    if (count > 0) {
      text.remove_prefix(static_cast<size_t>(count));
    } else if (count < 0 && errno == EAGAIN) {
      pollfd room = {fd, POLLOUT, 0};
      poll(&room, 1, -1);
    } else if (count == 0 || errno != EINTR) {
      return;
    }
  }
}

// Makes a thread that takes no signal: they are for others.
template <typename Function>
std::thread WithoutSignals(Function function) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(function));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

LogWriter::LogWriter(int fd, size_t room)
    : fd_(fd), room_(room), thread_(WithoutSignals([this] { Run(); })) {}

LogWriter::~LogWriter() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
  }
  changed_.NotifyOne();
  thread_.join();
}

void LogWriter::Add(std::string_view line) {
  bool was_empty = false;
  {
    MutexLock lock(mutex_);
    if (waiting_.size() + line.size() > room_) {
      dropped_.fetch_add(1);
      return;
    }
    was_empty = waiting_.empty();
    waiting_ += line;
    taken_.fetch_add(line.size());
  }
  if (was_empty) changed_.NotifyOne();
}

bool LogWriter::Flush(absl::Duration longest) {
  const auto until =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(longest);
  MutexLock lock(mutex_);
  const uint64_t wanted = taken_.load();
  while (written_.load() < wanted) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) return false;
    flushed_.WaitFor(mutex_, absl::FromChrono(left));
  }
  return true;
}

void LogWriter::FlushInSignalHandler() const {
  const uint64_t wanted = taken_.load();
  const timespec pause = {0, 1'000'000};
  for (int i = 0; i < 500 && written_.load() < wanted; ++i)
    nanosleep(&pause, nullptr);
}

void LogWriter::Run() {
  std::string text;
  MutexLock lock(mutex_);
  while (true) {
    while (waiting_.empty() && !ending_) changed_.Wait(mutex_);
    if (waiting_.empty()) return;
    text.clear();
    text.swap(waiting_);
    lock.Unlock();
    WriteAll(fd_, text);
    lock.Lock();
    written_.fetch_add(text.size());
    flushed_.NotifyAll();
  }
}

}  // namespace wxident

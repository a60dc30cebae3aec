#ifndef WXIDENT_SERVER_BASE_LOG_WRITER_H_
#define WXIDENT_SERVER_BASE_LOG_WRITER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace wxident {

// Writes lines to a descriptor with a thread of its own, so that whoever logs
// never waits for a full pipe or a slow disk. Lines for which there is no room
// are dropped and counted. What the descriptor refuses is lost. Thread-safe.
class LogWriter {
 public:
  // Bytes that may wait: some ten thousand lines.
  static constexpr size_t kRoom = size_t{4} << 20;

  // Writes to `fd`, which it does not own.
  explicit LogWriter(int fd, size_t room = kRoom);
  // Waits for what waits to be written.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Hands `line` over, which has its newline. Never blocks.
  void Add(std::string_view line);

  // Waits until all that Add took before is written. Returns false if that took
  // longer than `longest`.
  bool Flush(absl::Duration longest);

  // Returns how many lines were dropped so far.
  uint64_t dropped() const { return dropped_.load(); }

  // The same as Flush with a bound of 0.5 s, for a signal handler: it takes no
  // lock.
  void FlushInSignalHandler() const;

 private:
  void Run();

  const int fd_;
  const size_t room_;
  // Rise with the bytes that Add took and that have been written.
  std::atomic<uint64_t> taken_{0};
  std::atomic<uint64_t> written_{0};
  std::atomic<uint64_t> dropped_{0};

  Mutex mutex_;
  CondVar changed_;
  CondVar flushed_;
  std::string waiting_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  // The last member, for it uses the others.
  std::thread thread_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_LOG_WRITER_H_

#ifndef WXIDENT_TESTS_INTEGRATION_PROCESS_H_
#define WXIDENT_TESTS_INTEGRATION_PROCESS_H_

#include <sys/types.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"

namespace wxident {

// A program that a test runs: its output is collected, and it is killed when
// this object ends. Thread-safe.
class Process {
 public:
  // argv[0] is the program's path. stdout and stderr go to one log. The program
  // is killed when the thread that calls this ends.
  explicit Process(std::vector<std::string> argv);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }

  // The first log line that holds `text`, waiting for it; nullopt when the
  // program ended, or 60 s passed, without one.
  // What stands before `from` in the log does not count.
  std::optional<std::string> WaitForLine(const std::string& text,
                                         size_t from = 0);

  std::string log() const;

  // Does nothing once Wait has seen the end.
  void Signal(int signal);

  // False when it has ended, or was stopped by SIGSTOP.
  bool running() const;

  // The exit code, or 128 + the signal that ended it. Waits; the log is then
  // complete.
  int Wait();

 private:
  void Read(int fd);

  pid_t pid_ = -1;
  std::thread reader_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string log_;
  bool ended_ = false;
  std::optional<int> exit_code_;
};

// The path of a file that Bazel made or that stands in the sources, by its
// path from the workspace's root.
std::string Runfile(const std::string& path);

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_PROCESS_H_

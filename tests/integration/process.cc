#include "tests/integration/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>

namespace wxident {

Process::Process(std::vector<std::string> argv) {
  std::array<int, 2> out{};
  if (pipe2(out.data(), O_CLOEXEC) != 0) std::abort();
  std::vector<char*> arguments;
  for (std::string& argument : argv) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    // A test that is killed takes its programs along; so does the thread that
    // started them.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(out[1], STDOUT_FILENO);
    dup2(out[1], STDERR_FILENO);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  close(out[1]);
  reader_ = std::thread([this, fd = out[0]] { Read(fd); });
}

Process::~Process() {
  if (!exit_code_.has_value()) {
    kill(pid_, SIGKILL);
    Wait();
  }
  reader_.join();
}

void Process::Read(int fd) {
  std::array<char, 4096> buffer;
  ssize_t count;
  while ((count = read(fd, buffer.data(), buffer.size())) > 0) {
    std::lock_guard<std::mutex> lock(mutex_);
    log_.append(buffer.data(), static_cast<size_t>(count));
    changed_.notify_all();
  }
  close(fd);
  std::lock_guard<std::mutex> lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

std::optional<std::string> Process::WaitForLine(const std::string& text,
                                                size_t from) {
  std::unique_lock<std::mutex> lock(mutex_);
  size_t found = std::string::npos;
  size_t end = std::string::npos;
  changed_.wait_for(lock, std::chrono::seconds(60), [&] {
    found = log_.find(text, from);
    if (found != std::string::npos) end = log_.find('\n', found);
    return end != std::string::npos || ended_;
  });
  if (end == std::string::npos) return std::nullopt;
  const size_t begin = log_.rfind('\n', found) + 1;  // npos + 1 is 0
  return log_.substr(begin, end - begin);
}

std::string Process::log() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return log_;
}

bool Process::running() const {
  if (exit_code_.has_value()) return false;
  std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
  std::string stat;
  std::getline(file, stat);
  // "pid (name) state ...", and a name may hold anything.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= stat.size())
    return false;
  const char state = stat[name_end + 2];
  return state != 'T' && state != 'Z' && state != 'X';
}

void Process::Signal(int signal) {
  if (!exit_code_.has_value()) kill(pid_, signal);
}

int Process::Wait() {
  if (!exit_code_.has_value()) {
    int status = 0;
    waitpid(pid_, &status, 0);
    exit_code_ =
        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return ended_; });
  }
  return *exit_code_;
}

std::string Runfile(const std::string& path) {
  return std::string(getenv("TEST_SRCDIR")) + "/" +
         std::string(getenv("TEST_WORKSPACE")) + "/" + path;
}

}  // namespace wxident

#include "server/cli/process_hardening.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <string>

namespace wxident {
namespace {

// Runs `body` in a process of its own; what waitpid tells of it.
int StatusOf(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

int ExitCodeOf(const std::function<int()>& body) {
  const int status = StatusOf(body);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

rlimit LimitOf(int resource) {
  rlimit limit{};
  getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  return limit;
}

TEST(ProcessHardeningTest, ItsMemoryIsItsOwn) {
  EXPECT_EQ(ExitCodeOf([] { return prctl(PR_GET_DUMPABLE); }), 1);
  EXPECT_EQ(ExitCodeOf([] {
              HardenProcess();
              return prctl(PR_GET_DUMPABLE);
            }),
            0);
}

// Gives up what makes root more than a user.
bool DropCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

TEST(ProcessHardeningTest, ItsUserCannotReadItsMemory) {
  const auto is_read_by_another = [](bool harden) {
    return ExitCodeOf([harden] {
      if (!DropCapabilities()) return 2;
      if (harden) HardenProcess();
      const std::string memory = "/proc/" + std::to_string(getpid()) + "/mem";
      return ExitCodeOf(
          [&memory] { return open(memory.c_str(), O_RDONLY) >= 0 ? 1 : 0; });
    });
  };
  EXPECT_EQ(is_read_by_another(/*harden=*/false), 1);
  EXPECT_EQ(is_read_by_another(/*harden=*/true), 0);
}

TEST(ProcessHardeningTest, ACrashLeavesNoCore) {
  const int status = StatusOf([] {
    rlimit core = LimitOf(RLIMIT_CORE);
    core.rlim_cur = core.rlim_max;
    setrlimit(RLIMIT_CORE, &core);
    HardenProcess();
    const rlimit now = LimitOf(RLIMIT_CORE);
    if (now.rlim_cur != 0 || now.rlim_max != 0) return 1;
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    return 2;
  });
  ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
  EXPECT_FALSE(WCOREDUMP(status));
}

TEST(ProcessHardeningTest, OpenFilesAreRaisedAndNeverLowered) {
  const auto after = [](rlim_t soft, rlim_t hard) {
    return ExitCodeOf([=] {
      const rlimit limit{soft, hard};
      if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 3;
      HardenProcess();
      const rlimit now = LimitOf(RLIMIT_NOFILE);
      if (now.rlim_max != hard) return 4;
      if (now.rlim_cur == std::max<rlim_t>(soft, std::min<rlim_t>(65536, hard)))
        return 0;
      return 5;
    });
  };
  const rlim_t most = LimitOf(RLIMIT_NOFILE).rlim_max;
  EXPECT_EQ(after(64, 128), 0);
  EXPECT_EQ(after(64, most), 0);
  EXPECT_EQ(after(most, most), 0);
}

}  // namespace
}  // namespace wxident

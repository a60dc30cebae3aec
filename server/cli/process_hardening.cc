#include "server/cli/process_hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>

namespace wxident {
namespace {

constexpr rlim_t kOpenFiles = 65536;

}  // namespace

void HardenProcess() {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_DUMPABLE, 0);

  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < kOpenFiles) {
    files.rlim_cur = std::min(files.rlim_max, kOpenFiles);
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

void AllowLeakCheck() {
#if defined(__SANITIZE_ADDRESS__)
  prctl(PR_SET_DUMPABLE, 1);
#endif
}

}  // namespace wxident

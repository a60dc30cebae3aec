#include "tests/store/private_postgres.h"

#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "server/base/status_macros.h"

namespace wxident {

absl::StatusOr<std::unique_ptr<PrivatePostgres>> PrivatePostgres::Start(
    Durability durability) {
  const char* base = getenv("TEST_TMPDIR");
  std::string folder =
      absl::StrCat(base != nullptr ? base : "/tmp", "/postgres.XXXXXX");
  if (mkdtemp(folder.data()) == nullptr)
    return absl::InternalError("cannot make a temporary folder");
  std::unique_ptr<PrivatePostgres> made(new PrivatePostgres(folder));
  std::vector<std::string> start = {"start", folder, "--owner",
                                    absl::StrCat(getpid())};
  if (durability == Durability::kNone) start.push_back("--fast");
  WX_RETURN_IF_ERROR(made->Run(start));
  WX_RETURN_IF_ERROR(made->Run({"migrate", folder}));
  std::ifstream owner(folder + "/url");
  std::ifstream server(folder + "/server_url");
  std::ifstream port(folder + "/port");
  if (!std::getline(owner, made->url_) ||
      !std::getline(server, made->server_url_) || !(port >> made->port_))
    return absl::InternalError("the cluster has no url or no port");
  return made;
}

PrivatePostgres::~PrivatePostgres() { Run({"stop", folder_}).IgnoreError(); }

std::string PrivatePostgres::ServerUrlAt(uint16_t port) const {
  return absl::StrReplaceAll(server_url_, {{absl::StrCat(":", port_, "/"),
                                            absl::StrCat(":", port, "/")}});
}

absl::Status PrivatePostgres::Restart(const std::string& mode) {
  return Run({"restart", folder_, mode});
}

std::string PrivatePostgres::Log() const {
  std::ifstream home_file(folder_ + "/home");
  std::string home;
  std::getline(home_file, home);
  std::ifstream log(home + "/log");
  return std::string(std::istreambuf_iterator<char>(log), {});
}

absl::Status PrivatePostgres::Run(const std::vector<std::string>& arguments) {
  // Bazel starts tests in their runfiles.
  std::vector<std::string> words = {"script/lib/postgres.sh"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  if (posix_spawn(&pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0)
    return absl::NotFoundError("cannot run script/lib/postgres.sh");
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return absl::InternalError(
        absl::StrCat(absl::StrJoin(words, " "), " failed"));
  return absl::OkStatus();
}

}  // namespace wxident

#include "tests/store/private_postgres.h"

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "server/base/status_macros.h"

namespace wxident {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

pid_t Postmaster(const std::string& home) {
  pid_t pid = 0;
  std::ifstream(home + "/data/postmaster.pid") >> pid;
  return pid;
}

std::vector<pid_t> ChildrenOf(pid_t parent) {
  std::vector<pid_t> children;
  std::ifstream file(
      absl::StrCat("/proc/", parent, "/task/", parent, "/children"));
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PrivatePostgres>> PrivatePostgres::Start(
    Durability durability) {
  WX_ASSIGN_OR_RETURN(std::unique_ptr<PrivatePostgres> made,
                      StartEmpty(durability));
  WX_RETURN_IF_ERROR(made->Migrate());
  return made;
}

absl::StatusOr<std::unique_ptr<PrivatePostgres>> PrivatePostgres::StartAt(
    const std::string& version) {
  WX_ASSIGN_OR_RETURN(std::unique_ptr<PrivatePostgres> made,
                      StartEmpty(Durability::kNone));
  WX_RETURN_IF_ERROR(made->Run({"migrate", made->folder_, version}));
  return made;
}

absl::StatusOr<std::unique_ptr<PrivatePostgres>> PrivatePostgres::StartEmpty(
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
  WX_RETURN_IF_ERROR(made->ReadFiles());
  return made;
}

absl::StatusOr<std::unique_ptr<PrivatePostgres>>
PrivatePostgres::StartStandby() {
  std::unique_ptr<PrivatePostgres> made(
      new PrivatePostgres(folder_ + ".standby"));
  WX_RETURN_IF_ERROR(Run(
      {"standby", folder_, made->folder_, "--owner", absl::StrCat(getpid())}));
  WX_RETURN_IF_ERROR(made->ReadFiles());
  return made;
}

absl::Status PrivatePostgres::ReadFiles() {
  std::ifstream owner(folder_ + "/url");
  std::ifstream port(folder_ + "/port");
  if (!std::getline(owner, url_) || !(port >> port_))
    return absl::InternalError("the cluster has no url or no port");
  // None while there is no schema.
  std::ifstream server(folder_ + "/server_url");
  std::getline(server, server_url_);
  return absl::OkStatus();
}

absl::Status PrivatePostgres::Migrate() {
  WX_RETURN_IF_ERROR(Run({"migrate", folder_}));
  return ReadFiles();
}

absl::Status PrivatePostgres::Superuser(const std::string& sql) {
  return Run({"superuser", folder_, sql});
}

absl::Status PrivatePostgres::Promote() { return Run({"promote", folder_}); }

PrivatePostgres::~PrivatePostgres() { Run({"stop", folder_}).IgnoreError(); }

std::string PrivatePostgres::ServerUrlAt(uint16_t port) const {
  return absl::StrReplaceAll(server_url_, {{absl::StrCat(":", port_, "/"),
                                            absl::StrCat(":", port, "/")}});
}

absl::Status PrivatePostgres::Restart(const std::string& mode) {
  return Run({"restart", folder_, mode});
}

std::string PrivatePostgres::Home() const {
  std::ifstream file(folder_ + "/home");
  std::string home;
  std::getline(file, home);
  return home;
}

std::string PrivatePostgres::Log() const {
  std::ifstream log(Home() + "/log");
  return std::string(std::istreambuf_iterator<char>(log), {});
}

void PrivatePostgres::Signal(int signal) {
  // The first, so that it makes no more.
  const pid_t postmaster = Postmaster(Home());
  kill(postmaster, signal);
  for (const pid_t pid : ChildrenOf(postmaster)) kill(pid, signal);
}

void PrivatePostgres::SignalServing(int signal) {
  for (const pid_t pid : ChildrenOf(Postmaster(Home())))
    if (absl::StrContains(ReadFile(absl::StrCat("/proc/", pid, "/cmdline")),
                          ": wxident_server "))
      kill(pid, signal);
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

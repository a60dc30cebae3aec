// How long the server takes from exec to the first SERVING over a new
// connection, and how much memory it has had at most: at rest, and after a
// bounded load of logins. A private PostgreSQL, the simulator, one machine.
//
//   WXIDENT_TOOLS_DIR=$PWD/.tools bazel run --config=release //bench:start_up

#include <grpcpp/create_channel.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/rpc/grpc/health/v1/health.grpc.pb.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kStarts = 20;
constexpr int kLogins = 5'000;
constexpr int kCallers = 32;

double MsSince(Clock::time_point then) {
  return std::chrono::duration<double, std::milli>(Clock::now() - then).count();
}

bool Serves(const std::string& addr) {
  grpc::health::v1::HealthCheckResponse response;
  const auto stub = grpc::health::v1::Health::NewStub(
      grpc::CreateChannel(addr, grpc::InsecureChannelCredentials()));
  return stub->Check(Within().get(), {}, &response).ok() &&
         response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
}

// The number in a line of /proc/<pid>/status; of memory, KiB.
double StatusOf(pid_t pid, const std::string& name) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  double number = 0;
  while (std::getline(status, line)) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(": \t"), absl::SkipEmpty());
    if (words.size() > 1 && words[0] == name &&
        absl::SimpleAtod(words[1], &number))
      break;
  }
  return number;
}

void PrintMemory(const std::string& when, pid_t pid) {
  std::printf("%-32s %8.1f MiB %8.1f MiB %8.0f\n", when.c_str(),
              StatusOf(pid, "VmHWM") / 1024, StatusOf(pid, "RssAnon") / 1024,
              StatusOf(pid, "Threads"));
}

// The number that failed.
int Load(World& world, Wxidentd& server) {
  std::vector<std::string> codes;
  for (int i = 0; i < kLogins; ++i)
    codes.push_back(
        world.sim().LoginCode(kMiniProgram, absl::StrCat("user", i)));
  std::atomic<int> next{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i)
    callers.emplace_back([&] {
      for (int code = next++; code < kLogins; code = next++) {
        v1::LoginResponse response;
        if (!Login(server.stub(), codes[static_cast<size_t>(code)], &response)
                 .ok())
          ++failed;
      }
    });
  for (std::thread& caller : callers) caller.join();
  return failed;
}

int Main() {
  World world;
  std::vector<double> starts;
  std::unique_ptr<Wxidentd> server;
  for (int i = 0; i < kStarts; ++i) {
    if (server != nullptr) server->Kill();
    const Clock::time_point began = Clock::now();
    server = std::make_unique<Wxidentd>(world);
    if (!Serves(server->addr())) {
      std::fprintf(stderr, "the server does not serve; its log:\n%s",
                   server->process().log().c_str());
      return 1;
    }
    starts.push_back(MsSince(began));
  }
  std::sort(starts.begin(), starts.end());
  std::printf("%-32s %12s %12s %12s\n", "start-up", "least", "median", "most");
  std::printf("%-32s %9.0f ms %9.0f ms %9.0f ms\n\n",
              absl::StrCat("exec to SERVING, ", kStarts, " times").c_str(),
              starts.front(), starts[starts.size() / 2], starts.back());

  const pid_t pid = server->process().pid();
  std::printf("%-32s %12s %12s %8s\n", "memory", "peak RSS", "own now",
              "threads");
  PrintMemory("at rest", pid);
  const int failed = Load(world, *server);
  PrintMemory(
      absl::StrCat("after ", kLogins, " logins, ", kCallers, " callers"), pid);
  if (failed != 0) std::fprintf(stderr, "%d logins failed\n", failed);
  return failed != 0 || server->Stop() != 0 ? 1 : 0;
}

}  // namespace
}  // namespace wxident

int main() {
  // What the tests' harness is told by `bazel test`; `bazel run` starts a
  // program where its files are.
  const std::filesystem::path here = std::filesystem::current_path();
  setenv("TEST_SRCDIR", here.parent_path().c_str(), 0);
  setenv("TEST_WORKSPACE", here.filename().c_str(), 0);
  return wxident::Main();
}

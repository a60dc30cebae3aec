// What an idle connection with TLS takes of the server's memory. The clients
// are another process.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "server/base/metrics.h"
#include "server/crypto/secret.h"
#include "server/edge/edge_server.h"
#include "server/tls/tls_server.h"
#include "tests/edge/edge_client.h"
#include "tests/edge/interop_service.h"
#include "tests/tls/test_ca.h"

namespace wxident {
namespace {

// Sanitizers keep more of everything, and keep what is freed.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kConnections = 1'000;
constexpr int64_t kMostBytes = 1 << 20;
constexpr int64_t kMostKept = 1 << 20;
#else
constexpr int kConnections = 10'000;
constexpr int64_t kMostBytes = 48 << 10;
// What malloc does not give back.
constexpr int64_t kMostKept = 12 << 10;
#endif

constexpr char kReady = 'r';

int64_t OwnMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(": \t"), absl::SkipEmpty());
    int64_t kib = 0;
    if (words.size() > 1 && words[0] == "RssAnon" &&
        absl::SimpleAtoi(words[1], &kib))
      return kib << 10;
  }
  return -1;
}

// Opens connections, makes a call over each, says so, and waits to be told to
// end.
[[noreturn]] void BeClients(int in, int out, const std::string& cas,
                            const TestCertificate& shown) {
  std::string addr;
  for (char c; read(in, &c, 1) == 1 && c != '\n';) addr += c;
  const TlsClientOptions options{.shown = &shown};
  std::vector<std::unique_ptr<EdgeClient>> clients;
  for (int i = 0; i < kConnections; ++i) {
    clients.push_back(std::make_unique<EdgeClient>(addr, &options, cas));
    EdgeClient& client = *clients.back();
    // The server's settings have to be acknowledged, too.
    if (client.Call("/grpc.testing.TestService/EmptyCall", "").status() != 0 ||
        !client.Send())
      _exit(1);
  }
  if (write(out, &kReady, 1) != 1) _exit(1);
  char end;
  if (read(in, &end, 1) < 0) _exit(1);
  _exit(0);
}

TEST(IdleMemoryTest, AConnectionIsSmallAndGivesItsMemoryBack) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  const TestCertificate ca = MakeTestCa();
  const TestCertificate own = MakeTestCertificate({.on_loopback = true}, &ca);
  const TestCertificate client =
      MakeTestCertificate({.uris = {"spiffe://corp/a"}}, &ca);
  int to_child[2], from_child[2];
  ASSERT_EQ(pipe(to_child), 0);
  ASSERT_EQ(pipe(from_child), 0);
  // Before there are threads.
  const pid_t child = fork();
  if (child == 0) {
    close(to_child[1]);
    BeClients(to_child[0], from_child[1], ca.pem, client);
  }
  close(from_child[1]);

  Metrics metrics;
  auto server = EdgeServer::Start(
      {.addr = "127.0.0.1:0",
       .tls = [tls = *TlsServer::Create(own.pem, Secret(own.key),
                                        ca.pem)] { return tls; },
       .methods = InteropMethods(),
       .limits = {.connections_of_an_ip = kConnections}},
      metrics);
  ASSERT_TRUE(server.ok()) << server.status();
  const int64_t before = OwnMemory();
  const std::string addr = (*server)->addr() + "\n";
  ASSERT_EQ(write(to_child[1], addr.data(), addr.size()),
            static_cast<ssize_t>(addr.size()));
  char ready = 0;
  ASSERT_EQ(read(from_child[0], &ready, 1), 1);
  const int64_t each = (OwnMemory() - before) / kConnections;
  std::printf("%ld bytes for each connection\n", static_cast<long>(each));
  EXPECT_GT(each, 0);
  EXPECT_LE(each, kMostBytes);

  close(to_child[1]);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const absl::Time give_up = absl::Now() + absl::Seconds(60);
  const std::string none = "} 0\n";
  while (metrics.Text().find(none) == std::string::npos &&
         absl::Now() < give_up)
    absl::SleepFor(absl::Milliseconds(1));
  int64_t kept = kMostKept + 1;
  // malloc gives it back in its own time.
  for (int i = 0; kept > kMostKept && i < 300; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
    kept = (OwnMemory() - before) / kConnections;
  }
  std::printf("%ld bytes for each after it ended\n", static_cast<long>(kept));
  EXPECT_LE(kept, kMostKept);
}

}  // namespace
}  // namespace wxident

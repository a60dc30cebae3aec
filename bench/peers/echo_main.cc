// A bare gRPC server in C++: it answers GetAccessToken with a constant and does
// nothing else. It prints the address that it listens on, and serves until
// SIGTERM.

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <signal.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "bench/call_load.h"

namespace wxident {
namespace {

// What the simulator gives out has as many.
constexpr size_t kEchoedTokenSize = 135;

constexpr char kUsage[] =
    "usage: echo on|off [CA CERTIFICATE KEY]\n"
    "  on|off  abseil's deadlock detector, which Debian's library has on\n"
    "  the three files are PEM and have it ask for client certificates\n";

std::string ReadFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

int Main(int argc, char** argv) {
  const absl::string_view detector = argc > 1 ? argv[1] : "";
  if ((detector != "on" && detector != "off") || (argc != 2 && argc != 5)) {
    std::fputs(kUsage, stderr);
    return 64;
  }
  if (detector == "off")
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  // Before there are threads, which inherit it.
  sigprocmask(SIG_BLOCK, &ends, nullptr);

  std::shared_ptr<grpc::ServerCredentials> credentials =
      grpc::InsecureServerCredentials();
  if (argc == 5) {
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = ReadFile(argv[2]);
    options.pem_key_cert_pairs.push_back(
        {ReadFile(argv[4]), ReadFile(argv[3])});
    credentials = grpc::SslServerCredentials(options);
  }
  Echo echo;
  echo.answer.set_access_token(std::string(kEchoedTokenSize, 't'));
  echo.answer.mutable_expire_time()->set_seconds(1'800'000'000);
  echo.answer.set_generation(1);
  echo.answer.set_kind(v1::ACCESS_TOKEN_KIND_APP);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", credentials, &port);
  builder.RegisterService(&echo);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::fputs("echo: cannot listen; are the certificate files good?\n",
               stderr);
    return 1;
  }
  std::printf("127.0.0.1:%d\n", port);
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  return 0;
}

}  // namespace
}  // namespace wxident

int main(int argc, char** argv) { return wxident::Main(argc, argv); }

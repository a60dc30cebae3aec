// Calls a second of a service that answers a constant, served by gRPC's own
// server, by the edge, and by the edge with a line in the audit log before each
// answer; in plain text and with TLS. All run in this process, under the same
// load, in turns; README.md tells how to read it.

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/call_load.h"
#include "bench/raw_load.h"
#include "server/audit/audit_log.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/crypto/secret.h"
#include "server/edge/edge_server.h"
#include "server/tls/tls_server.h"
#include "tests/tls/test_ca.h"
#include "tests/tls/tls_client.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {
namespace {

constexpr int kRounds = 3;
constexpr char kPath[] = "/wxident.v1.IdentityService/GetAccessToken";

struct Certificates {
  TestCertificate ca = MakeTestCa();
  TestCertificate server = MakeTestCertificate({.on_loopback = true}, &ca);
  TestCertificate client = MakeTestCertificate({}, &ca);
};

// As long as WeChat's.
v1::GetAccessTokenResponse Answer() {
  v1::GetAccessTokenResponse out;
  out.set_access_token(std::string(136, 't'));
  out.mutable_expire_time()->set_seconds(1'700'000'000);
  return out;
}

// Parses, answers when the log has a line, and does nothing else.
class EchoCall final : public CallHandler {
 public:
  // `log` may be nullptr.
  EchoCall(Call& call, AuditLog* log) : call_(call), log_(log) {}
  void OnMessage(absl::string_view message) override {
    v1::GetAccessTokenRequest request;
    request.ParseFromArray(message.data(), static_cast<int>(message.size()));
    if (log_ == nullptr) return Reply();
    log_->Write({.caller = "spiffe://corp.example/team/orders",
                 .method = "GetAccessToken",
                 .app_id = request.app_id(),
                 .reason = "OK",
                 .key_id = 1,
                 .request_id = "5bd0c1f2a7e94d08"},
                [this](absl::Status written) {
                  if (!written.ok()) std::abort();
                  Reply();
                });
  }

 private:
  void Reply() {
    static const v1::GetAccessTokenResponse& answer =
        *new v1::GetAccessTokenResponse(Answer());
    call_.Reply(answer.SerializeAsString());
  }

  Call& call_;
  AuditLog* const log_;
};

std::unique_ptr<EdgeServer> StartEdge(const Certificates* tls, AuditLog* log,
                                      Metrics& metrics) {
  EdgeServer::Options options{.addr = "127.0.0.1:0"};
  options.methods[kPath] = {
      [log](Call& call) { return std::make_unique<EchoCall>(call, log); }};
  if (tls != nullptr)
    options.tls = [server = *TlsServer::Create(
                       tls->server.pem, Secret(tls->server.key), tls->ca.pem)] {
      return server;
    };
  return *EdgeServer::Start(std::move(options), metrics);
}

std::unique_ptr<grpc::Server> StartGrpc(grpc::Service& service,
                                        const Certificates* tls, int& port) {
  std::shared_ptr<grpc::ServerCredentials> credentials =
      grpc::InsecureServerCredentials();
  if (tls != nullptr) {
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = tls->ca.pem;
    options.pem_key_cert_pairs.push_back({tls->server.key, tls->server.pem});
    credentials = grpc::SslServerCredentials(options);
  }
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", credentials, &port);
  builder.RegisterService(&service);
  return builder.BuildAndStart();
}

// `addrs`: of gRPC, of the edge, of the edge with a log.
void Compare(const std::vector<std::string>& addrs, const Certificates* tls,
             int connections, int in_flight) {
  v1::GetAccessTokenRequest request;
  request.set_app_id(kBenchApp);
  TlsClientOptions client;
  if (tls != nullptr) client.shown = &tls->client;
  RawLoad::Options options{.path = kPath,
                           .request = request.SerializeAsString(),
                           .connections = connections,
                           .in_flight = in_flight,
                           .tls = tls == nullptr ? nullptr : &client,
                           .cas = tls == nullptr ? "" : tls->ca.pem};
  std::vector<double> speed[3], cpu[3];
  for (int round = 0; round < kRounds; ++round)
    for (size_t i = 0; i < addrs.size(); ++i) {
      options.addr = addrs[i];
      RawLoad load(options);
      load.Run(absl::Milliseconds(100));
      const RawLoad::Pace pace = load.Run(absl::Seconds(1));
      speed[i].push_back(pace.calls_per_second);
      cpu[i].push_back(pace.server_cpu_us);
    }
  std::printf("%8s %6d x %-4d", tls != nullptr ? "TLS" : "plain", connections,
              in_flight);
  for (size_t i = 0; i < addrs.size(); ++i) {
    std::printf(" %9.0f %8.1f", Median(speed[i]), Median(cpu[i]));
    if (i > 0) std::printf(" %6.2f", Median(speed[i]) / Median(speed[0]));
  }
  std::printf("\n");
  std::fflush(stdout);
}

int Main() {
  signal(SIGPIPE, SIG_IGN);
  Echo echo;
  echo.answer = Answer();
  const Certificates certificates;
  Metrics metrics;
  const std::string file = (std::filesystem::temp_directory_path() /
                            absl::StrCat("wxident-bench-audit.", getpid()))
                               .string();
  const std::unique_ptr<AuditLog> log =
      *AuditLog::Open({.path = file, .key = Secret(std::string(32, 'a'))},
                      SystemClock(), metrics);
  std::printf("%8s %6s x %-4s", "", "conns", "each");
  std::printf(" %9s %8s", "gRPC/s", "CPU us");
  for (const char* name : {"edge/s", "audited/s"})
    std::printf(" %9s %8s %6s", name, "CPU us", "ratio");
  std::printf("\n");
  for (const Certificates* tls :
       {static_cast<const Certificates*>(nullptr), &certificates}) {
    const std::unique_ptr<EdgeServer> edge = StartEdge(tls, nullptr, metrics);
    const std::unique_ptr<EdgeServer> audited =
        StartEdge(tls, log.get(), metrics);
    int port = 0;
    const std::unique_ptr<grpc::Server> grpc = StartGrpc(echo, tls, port);
    const std::vector<std::string> addrs = {absl::StrCat("127.0.0.1:", port),
                                            edge->addr(), audited->addr()};
    Compare(addrs, tls, 1, 1);
    Compare(addrs, tls, 2, 8);
    Compare(addrs, tls, 2, 64);
    Compare(addrs, tls, 50, 1);
  }
  std::filesystem::remove(file);
  return 0;
}

}  // namespace
}  // namespace wxident

int main() { return wxident::Main(); }

// Calls a second of a service that answers a constant, served by the edge and
// by gRPC's own server, in plain text and with TLS. All run in this process,
// under the same load, in turns; README.md tells how to read it.

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <signal.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/call_load.h"
#include "bench/raw_load.h"
#include "server/base/metrics.h"
#include "server/crypto/secret.h"
#include "server/crypto/tls_server.h"
#include "server/edge/edge_server.h"
#include "tests/crypto/test_ca.h"
#include "tests/crypto/tls_client.h"
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

// Parses, answers, and does nothing else.
class EchoCall final : public CallHandler {
 public:
  explicit EchoCall(Call& call) : call_(call) {}
  void OnMessage(absl::string_view message) override {
    v1::GetAccessTokenRequest request;
    request.ParseFromArray(message.data(), static_cast<int>(message.size()));
    static const v1::GetAccessTokenResponse& answer =
        *new v1::GetAccessTokenResponse(Answer());
    call_.Reply(answer.SerializeAsString());
  }

 private:
  Call& call_;
};

std::unique_ptr<EdgeServer> StartEdge(const Certificates* tls,
                                      Metrics& metrics) {
  EdgeServer::Options options{.addr = "127.0.0.1:0"};
  options.methods[kPath] = {
      [](Call& call) { return std::make_unique<EchoCall>(call); }};
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

void Compare(const std::string& edge, const std::string& grpc,
             const Certificates* tls, int connections, int in_flight) {
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
  std::vector<double> speed[2], cpu[2];
  for (int round = 0; round < kRounds; ++round)
    for (int i = 0; i < 2; ++i) {
      options.addr = i == 0 ? grpc : edge;
      RawLoad load(options);
      load.Run(absl::Milliseconds(100));
      const RawLoad::Pace pace = load.Run(absl::Seconds(1));
      speed[i].push_back(pace.calls_per_second);
      cpu[i].push_back(pace.server_cpu_us);
    }
  std::printf("%8s %6d x %-4d %9.0f %8.1f %9.0f %8.1f %6.2f\n",
              tls != nullptr ? "TLS" : "plain", connections, in_flight,
              Median(speed[0]), Median(cpu[0]), Median(speed[1]),
              Median(cpu[1]), Median(speed[1]) / Median(speed[0]));
  std::fflush(stdout);
}

int Main() {
  signal(SIGPIPE, SIG_IGN);
  Echo echo;
  echo.answer = Answer();
  const Certificates certificates;
  Metrics metrics;
  std::printf("%8s %6s x %-4s %9s %8s %9s %8s %6s\n", "", "conns", "each",
              "gRPC/s", "CPU us", "edge/s", "CPU us", "ratio");
  for (const Certificates* tls :
       {static_cast<const Certificates*>(nullptr), &certificates}) {
    const std::unique_ptr<EdgeServer> edge = StartEdge(tls, metrics);
    int port = 0;
    const std::unique_ptr<grpc::Server> grpc = StartGrpc(echo, tls, port);
    const std::string grpc_addr = absl::StrCat("127.0.0.1:", port);
    Compare(edge->addr(), grpc_addr, tls, 1, 1);
    Compare(edge->addr(), grpc_addr, tls, 2, 8);
    Compare(edge->addr(), grpc_addr, tls, 2, 64);
    Compare(edge->addr(), grpc_addr, tls, 50, 1);
  }
  return 0;
}

}  // namespace
}  // namespace wxident

int main() { return wxident::Main(); }

// What the front costs: calls a second of a service that answers a constant,
// through the front and straight at gRPC's own listener, in plain text and with
// TLS. All run in this process, under the same load, in turns; README.md tells
// how to read it.

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
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
#include "server/app/grpc_listener.h"
#include "server/base/metrics.h"
#include "server/crypto/secret.h"
#include "server/crypto/tls_server.h"
#include "tests/crypto/test_ca.h"

namespace wxident {
namespace {

constexpr int kRounds = 5;

struct Certificates {
  TestCertificate ca = MakeTestCa();
  TestCertificate server = MakeTestCertificate({.on_loopback = true}, &ca);
  TestCertificate client = MakeTestCertificate({}, &ca);
};

std::vector<std::shared_ptr<grpc::Channel>> ConnectTo(const std::string& addr,
                                                      const Certificates* tls) {
  std::shared_ptr<grpc::ChannelCredentials> credentials =
      grpc::InsecureChannelCredentials();
  if (tls != nullptr)
    credentials =
        grpc::SslCredentials({tls->ca.pem, tls->client.key, tls->client.pem});
  std::vector<std::shared_ptr<grpc::Channel>> out;
  for (int i = 0; i < 2; ++i) {
    grpc::ChannelArguments arguments;
    // A connection each.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    out.push_back(grpc::CreateCustomChannel(addr, credentials, arguments));
  }
  return out;
}

// The service behind gRPC's own listener.
struct Bare {
  Bare(grpc::Service& service, const Certificates* tls) {
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
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    builder.RegisterService(&service);
    server = builder.BuildAndStart();
    load = std::make_unique<CallLoad>(
        ConnectTo(absl::StrCat("127.0.0.1:", port), tls));
  }
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<CallLoad> load;
};

// The service as wxidentd has it.
struct Fronted {
  Fronted(grpc::Service& service, const Certificates* tls) {
    Front::Options front{.addr = "127.0.0.1:0"};
    if (tls != nullptr) {
      front.tls = [server = *TlsServer::Create(
                       tls->server.pem, Secret(tls->server.key), tls->ca.pem)] {
        return server;
      };
    }
    listener = *GrpcListener::Start(
        {.front = std::move(front), .services = {&service}, .health_names = {}},
        metrics);
    load = std::make_unique<CallLoad>(ConnectTo(listener->addr(), tls));
  }
  Metrics metrics;
  std::unique_ptr<GrpcListener> listener;
  std::unique_ptr<CallLoad> load;
};

int Main() {
  signal(SIGPIPE, SIG_IGN);
  Echo echo;
  echo.answer.set_access_token("token_1");
  const Certificates certificates;
  std::printf("%8s %8s %9s %8s %9s %8s %6s\n", "", "callers", "gRPC/s",
              "CPU us", "front/s", "CPU us", "ratio");
  for (const Certificates* tls :
       {static_cast<const Certificates*>(nullptr), &certificates}) {
    Bare bare(echo, tls);
    Fronted fronted(echo, tls);
    for (int callers : {1, 16, 128}) {
      CallLoad* const loads[] = {bare.load.get(), fronted.load.get()};
      // The first connects.
      for (CallLoad* load : loads) load->Run(callers);
      std::vector<double> speed[2], cpu[2], ratios;
      for (int round = 0; round < kRounds; ++round) {
        for (int i = 0; i < 2; ++i) {
          const CallLoad::Pace pace = loads[i]->Run(callers);
          speed[i].push_back(pace.calls_per_second);
          cpu[i].push_back(pace.cpu_us);
        }
        ratios.push_back(speed[1].back() / speed[0].back());
      }
      std::printf("%8s %8d %9.0f %8.1f %9.0f %8.1f %6.2f\n",
                  tls != nullptr ? "TLS" : "plain", callers, Median(speed[0]),
                  Median(cpu[0]), Median(speed[1]), Median(cpu[1]),
                  Median(ratios));
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace wxident

int main() { return wxident::Main(); }

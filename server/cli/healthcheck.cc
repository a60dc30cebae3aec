#include "server/cli/healthcheck.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>

#include "server/rpc/grpc/health/v1/health.grpc.pb.h"

namespace wxident {
namespace {

std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    std::cerr << "healthcheck: cannot read " << path << "\n";
    return std::nullopt;
  }
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(
    const HealthcheckOptions& options) {
  if (options.tls_ca_file.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions ssl;
  const std::optional<std::string> ca = ReadFile(options.tls_ca_file);
  if (!ca.has_value()) return nullptr;
  ssl.pem_root_certs = *ca;
  if (!options.tls_cert_file.empty()) {
    const std::optional<std::string> cert = ReadFile(options.tls_cert_file);
    const std::optional<std::string> key = ReadFile(options.tls_key_file);
    if (!cert.has_value() || !key.has_value()) return nullptr;
    ssl.pem_cert_chain = *cert;
    ssl.pem_private_key = *key;
  }
  return grpc::SslCredentials(ssl);
}

}  // namespace

int Healthcheck(const HealthcheckOptions& options) {
  const std::shared_ptr<grpc::ChannelCredentials> credentials =
      Credentials(options);
  if (credentials == nullptr) return 1;
  const auto deadline = std::chrono::system_clock::now() +
                        absl::ToChronoMilliseconds(options.timeout);
  const std::shared_ptr<grpc::Channel> channel =
      grpc::CreateChannel(options.addr, credentials);
  if (!channel->WaitForConnected(deadline)) {
    std::cerr << "healthcheck: no connection to " << options.addr << " within "
              << absl::FormatDuration(options.timeout) << "\n";
    return 2;
  }
  grpc::ClientContext context;
  context.set_deadline(deadline);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(options.service);
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status = grpc::health::v1::Health::NewStub(channel)->Check(
      &context, request, &response);
  if (!status.ok()) {
    std::cerr << "healthcheck: the call failed: " << status.error_message()
              << "\n";
    return 3;
  }
  const bool serving =
      response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
  std::cout << (serving ? "SERVING" : "NOT_SERVING") << "\n";
  return serving ? 0 : 4;
}

}  // namespace wxident

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

#include "absl/time/time.h"
#include "server/cli/flag_arguments.h"
#include "server/rpc/grpc/health/v1/health.grpc.pb.h"

namespace wxident {
namespace {

struct Options {
  std::string addr = "127.0.0.1:8443";
  // Empty: the whole server.
  std::string service;
  absl::Duration timeout = absl::Seconds(2);
  // Empty: plain text.
  std::string tls_ca_file;
  // For servers that ask for a client certificate.
  std::string tls_cert_file;
  std::string tls_key_file;
};

std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    std::cerr << "healthcheck: cannot read " << path << "\n";
    return std::nullopt;
  }
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(const Options& options) {
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

int Healthcheck(const Options& options) {
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

}  // namespace

int HealthcheckCommand(const std::vector<std::string>& arguments) {
  Options options;
  for (const auto& [name, value] : ReadFlagArguments(arguments)) {
    bool known = true;
    if (name == "--addr")
      options.addr = value;
    else if (name == "--service")
      options.service = value;
    else if (name == "--timeout")
      known = absl::ParseDuration(value, &options.timeout) &&
              options.timeout > absl::ZeroDuration();
    else if (name == "--tls-ca-file")
      options.tls_ca_file = value;
    else if (name == "--tls-cert-file")
      options.tls_cert_file = value;
    else if (name == "--tls-key-file")
      options.tls_key_file = value;
    else
      known = false;
    if (!known) {
      std::cerr << "healthcheck: cannot use the argument " << name
                << "; see wxidentd --help\n";
      return 1;
    }
  }
  return Healthcheck(options);
}

}  // namespace wxident

#include "server/app/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace wxident {
namespace {

// One acceptor's view of the files. gRPC asks it for each connection, on the
// thread that brings it, and works with what it was given last. Neither gRPC
// 1.51 nor this may be asked by two threads at once: an acceptor has one.
class Port {
 public:
  explicit Port(const TlsFiles& files) : files_(files) {}

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* port, grpc_ssl_server_certificate_config** config) {
    return static_cast<Port*>(port)->Give(config);
  }

 private:
  grpc_ssl_certificate_config_reload_status Give(
      grpc_ssl_server_certificate_config** config) {
    std::shared_ptr<const TlsSnapshot> newest = files_.newest();
    if (newest == given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair = {
        newest->private_key.Expose().c_str(),
        newest->certificate_chain.c_str()};
    *config = grpc_ssl_server_certificate_config_create(
        newest->client_cas.c_str(), &pair, 1);
    given_ = std::move(newest);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const TlsFiles& files_;
  std::shared_ptr<const TlsSnapshot> given_;
};

// gRPC's C++ classes have no certificates that can be replaced all at once; its
// C functions do.
class TlsCredentials final : public grpc::ServerCredentials {
 public:
  explicit TlsCredentials(const TlsFiles& files) : files_(files) {}

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {
    // Metadata proves nothing here.
    std::abort();
  }

 private:
  int AddPortToServer(const std::string& addr, grpc_server* server) override {
    ports_.push_back(std::make_unique<Port>(files_));
    grpc_server_credentials* const credentials =
        grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY,
                Port::Fetch, ports_.back().get()));
    const int port =
        grpc_server_add_http2_port(server, addr.c_str(), credentials);
    grpc_server_credentials_release(credentials);
    return port;
  }

  const TlsFiles& files_;
  std::vector<std::unique_ptr<Port>> ports_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(
    const TlsFiles& files) {
  return std::make_shared<TlsCredentials>(files);
}

}  // namespace wxident

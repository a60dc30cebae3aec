#include "tests/integration/tls_world.h"

#include <grpcpp/security/credentials.h>
#include <stdio.h>

#include <sstream>

#include "tests/base/own_channel.h"

namespace wxident {
namespace {

constexpr char kPolicy[] = R"(allow:
  - {caller: spiffe://corp/orders, methods: ["*"], apps: ["*"]}
  - {caller: spiffe://corp/reader, methods: [ValidateSession], apps: ["*"]}
  - {caller: spiffe://corp/operator, methods: [ListApps], apps: ["*"]}
)";

}  // namespace

TlsWorld::TlsWorld() {
  WriteServer(NewServer());
  WriteCallersCas({callers_ca});
  WriteRevoked({});
  Write(dir() + "/policy.yaml", kPolicy);
}

std::vector<std::string> TlsWorld::Flags(
    const std::vector<std::string>& more) const {
  std::vector<std::string> flags = AuditedWorld::Flags(
      {"--grpc-insecure-loopback=false", "--grpc-tls-cert-file", cert_file,
       "--grpc-tls-key-file", tls_key_file, "--grpc-tls-client-ca-file",
       callers_ca_file, "--grpc-tls-revocation-file", revocation_file,
       "--access-policy-file", dir() + "/policy.yaml"});
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

void TlsWorld::WriteServer(const TestCertificate& server) {
  Write(cert_file, server.pem);
  Write(tls_key_file, server.key);
  std::istringstream lines(server.key);
  for (std::string line; std::getline(lines, line);)
    if (line.front() != '-') canary().AddSecret("the server's TLS key", line);
}

void TlsWorld::WriteCallersCas(const std::vector<TestCertificate>& cas) {
  std::string text;
  for (const TestCertificate& ca : cas) text += ca.pem;
  Write(callers_ca_file, text);
}

void TlsWorld::WriteRevoked(const std::vector<TestCertificate>& revoked) {
  Write(revocation_file, MakeTestCrl(callers_ca, revoked));
}

void TlsWorld::Write(const std::string& path, const std::string& text) {
  const std::string next = path + ".next";
  std::ofstream(next, std::ios::binary) << text;
  EXPECT_EQ(chmod(next.c_str(), 0600), 0);
  EXPECT_EQ(rename(next.c_str(), path.c_str()), 0);
}

TestCertificate TlsWorld::NewServer(TestCertificateOptions options) {
  options.on_loopback = true;
  options.usage = "serverAuth";
  return MakeTestCertificate(options, &server_ca);
}

TestCertificate TlsWorld::NewCaller(const std::string& uri) {
  return MakeTestCertificate({.uris = {uri}, .usage = "clientAuth"},
                             &callers_ca);
}

std::shared_ptr<grpc::Channel> TlsWorld::Connect(const std::string& addr,
                                                 const TestCertificate* shown,
                                                 const std::string& cas) const {
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = cas;
  if (shown != nullptr) {
    ssl.pem_cert_chain = shown->pem;
    ssl.pem_private_key = shown->key;
  }
  return OwnChannel(addr, grpc::SslCredentials(ssl));
}

}  // namespace wxident

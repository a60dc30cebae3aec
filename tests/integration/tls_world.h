#ifndef WXIDENT_TESTS_INTEGRATION_TLS_WORLD_H_
#define WXIDENT_TESTS_INTEGRATION_TLS_WORLD_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/audited_world.h"
#include "tests/tls/test_ca.h"

namespace wxident {

// A World whose servers ask for certificates. Its policy lets
// spiffe://corp/orders call all of IdentityService, spiffe://corp/reader
// ValidateSession alone, and spiffe://corp/operator ListApps.
struct TlsWorld : AuditedWorld {
  TlsWorld();

  // On top of those of AuditedWorld.
  std::vector<std::string> Flags(
      const std::vector<std::string>& more = {}) const;

  // The files of TLS, each replaced at one moment.
  void WriteServer(const TestCertificate& server);
  void WriteCallersCas(const std::vector<TestCertificate>& cas);
  void WriteRevoked(const std::vector<TestCertificate>& revoked);
  void Write(const std::string& path, const std::string& text);

  // Of a server on loopback.
  TestCertificate NewServer(TestCertificateOptions options = {});
  // A caller's, with one URI.
  TestCertificate NewCaller(const std::string& uri);

  // A connection of its own to `addr`, with a certificate shown, or none.
  // `cas` vouch for the server.
  std::shared_ptr<grpc::Channel> Connect(const std::string& addr,
                                         const TestCertificate* shown,
                                         const std::string& cas) const;
  std::shared_ptr<grpc::Channel> Connect(const std::string& addr,
                                         const TestCertificate& shown) const {
    return Connect(addr, &shown, server_ca.pem);
  }

  TestCertificate server_ca = MakeTestCa("servers' CA");
  TestCertificate callers_ca = MakeTestCa("callers' CA");
  const std::string cert_file = dir() + "/server.crt";
  const std::string tls_key_file = dir() + "/server.key";
  const std::string callers_ca_file = dir() + "/callers.crt";
  const std::string revocation_file = dir() + "/callers.crl";
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_TLS_WORLD_H_

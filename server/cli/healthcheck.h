#ifndef WXIDENT_SERVER_CLI_HEALTHCHECK_H_
#define WXIDENT_SERVER_CLI_HEALTHCHECK_H_

#include <string>

#include "absl/time/time.h"

namespace wxident {

struct HealthcheckOptions {
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

// Asks a server for its health over a new connection, as a probe must: a server
// that accepts no more may still answer on old ones. Says the outcome on stdout
// or stderr. Returns the exit code of grpc_health_probe: 0 serving, 1 bad
// arguments, 2 no connection, 3 the call failed, 4 not serving.
int Healthcheck(const HealthcheckOptions& options);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CLI_HEALTHCHECK_H_

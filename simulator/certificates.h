#ifndef WXIDENT_SIMULATOR_CERTIFICATES_H_
#define WXIDENT_SIMULATOR_CERTIFICATES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace wxident::simulator {

// PEM texts.
struct Certificates {
  // Of the CA, for clients to trust. Its private key is thrown away.
  std::string ca;
  std::string server;
  std::string server_key;
};

// A new CA and a certificate by it for localhost, 127.0.0.1, ::1 and WeChat's
// hosts; P-256, valid for a year around `now`.
absl::StatusOr<Certificates> MakeCertificates(absl::Time now);

// Those in `dir` (ca.pem, server.pem, server.key) while they last, so that who
// trusts the CA outlives a restart; else new ones, written there.
absl::StatusOr<Certificates> LoadOrMakeCertificates(const std::string& dir,
                                                    absl::Time now);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_CERTIFICATES_H_

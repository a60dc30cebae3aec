#ifndef WXIDENT_TESTS_TLS_TEST_CA_H_
#define WXIDENT_TESTS_TLS_TEST_CA_H_

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace wxident {

// A certificate and its key, PEM.
struct TestCertificate {
  std::string pem;
  std::string key;
};

struct TestCertificateOptions {
  std::string name = "test";
  // Of subjectAltName, byte for byte.
  std::vector<std::string> uris;
  // A host name of subjectAltName, if any, for a server.
  std::string dns;
  // Whether subjectAltName has 127.0.0.1 too, for a server.
  bool on_loopback = false;
  // "clientAuth", "serverAuth"; "": for everything.
  std::string usage;
  bool ca = false;
  // 0: one that no other certificate of this process has.
  long serial = 0;
  // Not empty: this number's bytes instead, the first below 0x80.
  std::string large_serial;
  absl::Duration begins = -absl::Hours(1);
  absl::Duration ends = absl::Hours(24);
  // RSA of this size instead of P-256, of so many primes: with more of them a
  // large key is made sooner.
  int rsa_bits = 0;
  int rsa_primes = 2;
  // The key's curve is described by its parameters, not named; its point is
  // given by one coordinate, from which the other is computed.
  bool unnamed_curve = false;
  bool compressed_point = false;
};

// A certificate that `issuer` has signed, or itself without one. `begins` and
// `ends` count from `now`.
TestCertificate MakeTestCertificate(const TestCertificateOptions& options,
                                    const TestCertificate* issuer = nullptr,
                                    absl::Time now = absl::Now());

// The CA of most tests.
TestCertificate MakeTestCa(const std::string& name = "CA");

struct TestCrlOptions {
  absl::Duration next_update = absl::Hours(24);
  // Marks it as one that tells only changes.
  bool delta = false;
  // Certificates that were never made: their serial numbers, of 16 bytes.
  int more = 0;
  // DER instead of PEM.
  bool der = false;
};

std::string MakeTestCrl(const TestCertificate& ca,
                        const std::vector<TestCertificate>& revoked,
                        const TestCrlOptions& options = {},
                        absl::Time now = absl::Now());

// The same key under a passphrase.
std::string LockTestKey(const std::string& key);

}  // namespace wxident

#endif  // WXIDENT_TESTS_TLS_TEST_CA_H_

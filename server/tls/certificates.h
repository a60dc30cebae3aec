#ifndef WXIDENT_SERVER_TLS_CERTIFICATES_H_
#define WXIDENT_SERVER_TLS_CERTIFICATES_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/crypto/secret.h"

namespace wxident {

// X.509, as much of it as TLS leaves to us. Texts are PEM, and CRLs may be DER.
// All errors are kInvalidArgument; their messages end a sentence that begins
// with the name of the text, and hold nothing of it. Thread-safe.

// The issuer's name and the serial number: what a CRL names a certificate by.
// Bytes without a form of their own.
using CertificateId = std::array<uint8_t, 25>;

// What we look at in a certificate.
struct Certificate {
  CertificateId id;
  // The issuer's key, where the certificate tells it apart from others of the
  // same name; else empty.
  std::string issuer_key;
  // The URIs in its subjectAltName, byte for byte.
  std::vector<std::string> uris;
  // In lower-case hexadecimal digits, as openssl prints it.
  std::string serial;
  absl::Time not_before;
  absl::Time not_after;
  // Whether it may vouch for others.
  bool is_ca;
};

// The certificates in a text, at least one, in their order. What else the text
// holds is passed over, but a certificate cut in its middle is an error.
absl::StatusOr<std::vector<Certificate>> ParseCertificates(
    absl::string_view pem);

// Whether a server can show this chain, its own certificate first, with this
// key. The error also comes of keys that OpenSSL holds too weak. A key under a
// passphrase is refused, not asked about.
absl::Status CheckKeyPair(absl::string_view chain_pem, const Secret& key_pem);

// Certificates that their CAs have taken back. Immutable. It keeps 30 to 60
// bytes of each; while a list is read, some 300 more.
class RevokedCertificates {
 public:
  // None.
  RevokedCertificates() = default;

  // Reads one or more CRLs, all PEM or all DER. Each must be signed by a CA of
  // `cas_pem`, and be complete: one that tells only changes or a part is
  // refused, for what it leaves out would count as good.
  static absl::StatusOr<RevokedCertificates> Parse(absl::string_view crls,
                                                   absl::string_view cas_pem);

  // Takes the same time however many there are.
  bool Has(const Certificate& certificate) const;
  size_t size() const;

  // When the first of the CRLs should have been replaced by its next edition;
  // absl::InfiniteFuture() when none says. What they name is revoked after it
  // too.
  absl::Time next_update() const { return next_update_; }

 private:
  // By the key of the CRLs that name them, "" where a CRL tells none.
  absl::flat_hash_map<std::string, absl::flat_hash_set<CertificateId>> ids_;
  absl::Time next_update_ = absl::InfiniteFuture();
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_TLS_CERTIFICATES_H_

#include "server/crypto/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/crypto/openssl_ptr.h"

namespace wxident {
namespace {

using CrlPtr = std::unique_ptr<X509_CRL, OpensslFreer<X509_CRL, X509_CRL_free>>;
using NamesPtr =
    std::unique_ptr<GENERAL_NAMES,
                    OpensslFreer<GENERAL_NAMES, GENERAL_NAMES_free>>;
using KeyIdPtr =
    std::unique_ptr<AUTHORITY_KEYID,
                    OpensslFreer<AUTHORITY_KEYID, AUTHORITY_KEYID_free>>;

absl::Status Bad(absl::string_view what) {
  // OpenSSL's own queue would be read by the next one who asks it.
  ERR_clear_error();
  return absl::InvalidArgumentError(what);
}

// Everything of one kind in `pem`, or an error that calls it `what`.
template <typename Ptr, typename Read>
absl::StatusOr<std::vector<Ptr>> ReadAll(absl::string_view pem, Read read,
                                         absl::string_view what) {
  std::vector<Ptr> out;
  const BioPtr bio = BioOf(pem);
  ERR_clear_error();
  while (Ptr item{read(bio.get(), nullptr, NoPassphrase, nullptr)})
    out.push_back(std::move(item));
  const unsigned long error = ERR_peek_last_error();
  if (ERR_GET_LIB(error) != ERR_LIB_PEM ||
      ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
    return Bad(
        absl::StrCat("holds something broken after ", out.size(), " ", what));
  if (out.empty()) return Bad(absl::StrCat("holds no ", what));
  ERR_clear_error();
  return out;
}

absl::StatusOr<std::vector<X509Ptr>> ReadCertificates(absl::string_view pem) {
  return ReadAll<X509Ptr>(pem, PEM_read_bio_X509, "certificate, PEM");
}

std::string BytesOf(const ASN1_STRING* string) {
  return std::string(
      reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
      ASN1_STRING_length(string));
}

// A hash of the name in the form in which OpenSSL compares names, for one name
// can be written in several ways; and the serial number. Hashes that meet by
// chance do harm only where the serial numbers are the same too.
std::string IdOf(const X509_NAME* issuer, const ASN1_INTEGER* serial) {
  const unsigned long hash = X509_NAME_hash_ex(const_cast<X509_NAME*>(issuer),
                                               nullptr, nullptr, nullptr);
  return absl::StrCat(
      absl::Hex(hash),
      ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-" : ":",
      absl::BytesToHexString(BytesOf(serial)));
}

std::string KeyIdOf(const AUTHORITY_KEYID* authority) {
  return authority == nullptr || authority->keyid == nullptr
             ? ""
             : BytesOf(authority->keyid);
}

absl::StatusOr<absl::Time> TimeOf(const ASN1_TIME* time) {
  std::tm parts = {};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1)
    return Bad("holds a certificate with a broken time");
  return absl::FromTM(parts, absl::UTCTimeZone());
}

absl::StatusOr<Certificate> Describe(X509* x509) {
  Certificate out;
  out.id = IdOf(X509_get_issuer_name(x509), X509_get0_serialNumber(x509));
  out.serial = absl::BytesToHexString(BytesOf(X509_get0_serialNumber(x509)));
  WX_ASSIGN_OR_RETURN(out.not_before, TimeOf(X509_get0_notBefore(x509)));
  WX_ASSIGN_OR_RETURN(out.not_after, TimeOf(X509_get0_notAfter(x509)));
  out.is_ca = X509_check_ca(x509) != 0;
  const KeyIdPtr authority(static_cast<AUTHORITY_KEYID*>(
      X509_get_ext_d2i(x509, NID_authority_key_identifier, nullptr, nullptr)));
  out.issuer_key = KeyIdOf(authority.get());
  int found = 0;
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(x509, NID_subject_alt_name, &found, nullptr)));
  if (names == nullptr && found != -1)
    return Bad("holds a certificate with a broken subjectAltName");
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI)
      out.uris.push_back(BytesOf(name->d.uniformResourceIdentifier));
  }
  ERR_clear_error();
  return out;
}

// Whether one of `cas` has signed it.
bool IsSignedByOneOf(const std::vector<X509Ptr>& cas, X509_CRL* crl) {
  return std::any_of(cas.begin(), cas.end(), [crl](const X509Ptr& ca) {
    return X509_NAME_cmp(X509_get_subject_name(ca.get()),
                         X509_CRL_get_issuer(crl)) == 0 &&
           X509_CRL_verify(crl, X509_get0_pubkey(ca.get())) == 1;
  });
}

}  // namespace

absl::StatusOr<std::vector<Certificate>> ParseCertificates(
    absl::string_view pem) {
  WX_ASSIGN_OR_RETURN(const std::vector<X509Ptr> all, ReadCertificates(pem));
  std::vector<Certificate> out;
  for (const X509Ptr& x509 : all) {
    WX_ASSIGN_OR_RETURN(Certificate certificate, Describe(x509.get()));
    out.push_back(std::move(certificate));
  }
  return out;
}

absl::Status CheckKeyPair(absl::string_view chain_pem, const Secret& key_pem) {
  WX_ASSIGN_OR_RETURN(const std::vector<X509Ptr> chain,
                      ReadCertificates(chain_pem));
  const BioPtr bio = BioOf(key_pem.Expose());
  const KeyPtr key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr)
    return Bad("holds no private key, PEM, without a passphrase");
  // A server's own question, so that what passes here passes there.
  const ContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (SSL_CTX_use_certificate(context.get(), chain.front().get()) != 1)
    return Bad("goes with a certificate that OpenSSL refuses as too weak");
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1)
    return Bad("holds another key than that of the certificate");
  return absl::OkStatus();
}

absl::StatusOr<RevokedCertificates> RevokedCertificates::Parse(
    absl::string_view crls_pem, absl::string_view cas_pem) {
  WX_ASSIGN_OR_RETURN(const std::vector<X509Ptr> cas,
                      ReadCertificates(cas_pem));
  WX_ASSIGN_OR_RETURN(
      const std::vector<CrlPtr> crls,
      ReadAll<CrlPtr>(crls_pem, PEM_read_bio_X509_CRL, "CRL, PEM"));
  RevokedCertificates out;
  for (const CrlPtr& crl : crls) {
    if (!IsSignedByOneOf(cas, crl.get()))
      return Bad("holds a CRL that none of the CAs for callers has signed");
    if (X509_CRL_get_ext_by_critical(crl.get(), 1, -1) >= 0)
      return Bad(
          "holds a CRL with a critical extension, as one of changes or of a "
          "part has; give complete ones");
    if (const ASN1_TIME* next = X509_CRL_get0_nextUpdate(crl.get())) {
      WX_ASSIGN_OR_RETURN(const absl::Time next_update, TimeOf(next));
      out.next_update_ = std::min(out.next_update_, next_update);
    }
    const KeyIdPtr authority(static_cast<AUTHORITY_KEYID*>(X509_CRL_get_ext_d2i(
        crl.get(), NID_authority_key_identifier, nullptr, nullptr)));
    const std::string key = KeyIdOf(authority.get());
    STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(crl.get());
    for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i) {
      const X509_REVOKED* entry = sk_X509_REVOKED_value(revoked, i);
      out.ids_[IdOf(X509_CRL_get_issuer(crl.get()),
                    X509_REVOKED_get0_serialNumber(entry))]
          .push_back(key);
    }
  }
  ERR_clear_error();
  return out;
}

bool RevokedCertificates::Has(const Certificate& certificate) const {
  const auto found = ids_.find(certificate.id);
  if (found == ids_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(),
                     [&](const std::string& key) {
                       return key.empty() || certificate.issuer_key.empty() ||
                              key == certificate.issuer_key;
                     });
}

}  // namespace wxident

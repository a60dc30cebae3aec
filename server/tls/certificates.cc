#include "server/tls/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/crypto/hash.h"
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

// Of 32 bits, of the name in the form in which OpenSSL compares names, for one
// name can be written in several ways.
uint32_t HashOf(const X509_NAME* name) {
  return static_cast<uint32_t>(X509_NAME_hash_ex(const_cast<X509_NAME*>(name),
                                                 nullptr, nullptr, nullptr));
}

// The issuer's hash, what its serial number is like, and the number. Hashes
// that meet by chance do harm only where the serial numbers are the same too.
CertificateId IdOf(uint32_t issuer, const ASN1_INTEGER* serial) {
  constexpr uint8_t kNegative = 0x80;
  constexpr uint8_t kHashed = 0x40;
  constexpr size_t kPrefix = sizeof(issuer) + 1;
  CertificateId out = {};
  std::memcpy(out.data(), &issuer, sizeof(issuer));
  absl::string_view number(
      reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
      static_cast<size_t>(ASN1_STRING_length(serial)));
  uint8_t& form = out[sizeof(issuer)];
  if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER) form |= kNegative;
  // RFC 5280 allows 20 bytes; some CAs do not know.
  std::string hashed;
  if (number.size() > out.size() - kPrefix) {
    form |= kHashed;
    hashed = Sha256(number);
    number = absl::string_view(hashed).substr(0, out.size() - kPrefix);
  }
  form |= static_cast<uint8_t>(number.size());
  std::memcpy(out.data() + kPrefix, number.data(), number.size());
  return out;
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
  out.id =
      IdOf(HashOf(X509_get_issuer_name(x509)), X509_get0_serialNumber(x509));
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

// DER begins so, and no text: a sequence of more than 127 bytes.
bool IsDer(absl::string_view text) {
  return text.size() > 1 && text[0] == '\x30' &&
         static_cast<uint8_t>(text[1]) > 0x80;
}

absl::StatusOr<std::vector<CrlPtr>> ReadCrls(absl::string_view text) {
  if (!IsDer(text))
    return ReadAll<CrlPtr>(text, PEM_read_bio_X509_CRL, "CRL, PEM or DER");
  std::vector<CrlPtr> out;
  auto at = reinterpret_cast<const unsigned char*>(text.data());
  const unsigned char* const end = at + text.size();
  while (at != end) {
    CrlPtr crl(d2i_X509_CRL(nullptr, &at, end - at));
    if (crl == nullptr)
      return Bad(absl::StrCat("holds something broken after ", out.size(),
                              " CRL, DER"));
    out.push_back(std::move(crl));
  }
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
    absl::string_view crls_text, absl::string_view cas_pem) {
  WX_ASSIGN_OR_RETURN(const std::vector<X509Ptr> cas,
                      ReadCertificates(cas_pem));
  WX_ASSIGN_OR_RETURN(const std::vector<CrlPtr> crls, ReadCrls(crls_text));
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
    absl::flat_hash_set<CertificateId>& ids =
        out.ids_[KeyIdOf(authority.get())];
    const uint32_t issuer = HashOf(X509_CRL_get_issuer(crl.get()));
    STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(crl.get());
    ids.reserve(ids.size() +
                static_cast<size_t>(std::max(sk_X509_REVOKED_num(revoked), 0)));
    for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i)
      ids.insert(IdOf(issuer, X509_REVOKED_get0_serialNumber(
                                  sk_X509_REVOKED_value(revoked, i))));
  }
  ERR_clear_error();
  return out;
}

bool RevokedCertificates::Has(const Certificate& certificate) const {
  const auto named = [&](const auto& list) {
    return list.second.contains(certificate.id);
  };
  // It may be any CA's of its issuer's name.
  if (certificate.issuer_key.empty())
    return std::any_of(ids_.begin(), ids_.end(), named);
  const auto named_by = [&](const std::string& key) {
    const auto list = ids_.find(key);
    return list != ids_.end() && named(*list);
  };
  return named_by(certificate.issuer_key) || named_by("");
}

size_t RevokedCertificates::size() const {
  size_t out = 0;
  for (const auto& [key, ids] : ids_) out += ids.size();
  return out;
}

}  // namespace wxident

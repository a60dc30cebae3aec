#include "tests/tls/test_ca.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdlib>
#include <memory>

#include "absl/strings/str_format.h"

namespace wxident {
namespace {

template <typename T, void (*free)(T*)>
struct Freer {
  void operator()(T* object) const { free(object); }
};
using X509Ptr = std::unique_ptr<X509, Freer<X509, X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Freer<X509_CRL, X509_CRL_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;
using NamesPtr =
    std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES, GENERAL_NAMES_free>>;
struct BioFreer {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioFreer>;

void Check(bool ok) {
  if (!ok) std::abort();
}

template <typename Write>
std::string PemOf(Write write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  Check(write(bio.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

BioPtr BioOf(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

X509Ptr CertificateOf(const std::string& pem) {
  X509Ptr out(PEM_read_bio_X509(BioOf(pem).get(), nullptr, nullptr, nullptr));
  Check(out != nullptr);
  return out;
}

KeyPtr KeyOf(const std::string& pem) {
  KeyPtr out(
      PEM_read_bio_PrivateKey(BioOf(pem).get(), nullptr, nullptr, nullptr));
  Check(out != nullptr);
  return out;
}

KeyPtr MakeRsaKey(int bits, int primes) {
  EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr);
  EVP_PKEY* made = nullptr;
  Check(EVP_PKEY_keygen_init(context) == 1 &&
        EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) == 1 &&
        EVP_PKEY_CTX_set_rsa_keygen_primes(context, primes) == 1 &&
        EVP_PKEY_keygen(context, &made) == 1);
  EVP_PKEY_CTX_free(context);
  return KeyPtr(made);
}

void SetTime(ASN1_TIME* time, absl::Time to) {
  Check(ASN1_TIME_set(time, absl::ToTimeT(to)) != nullptr);
}

void AddExtension(X509* subject, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, subject, nullptr, nullptr, 0);
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  Check(extension != nullptr && X509_add_ext(subject, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

void AddNames(X509* subject, const TestCertificateOptions& options) {
  const NamesPtr names(sk_GENERAL_NAME_new_null());
  const auto add = [&names](int type, const std::string& bytes) {
    ASN1_STRING* const value =
        type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    Check(ASN1_STRING_set(value, bytes.data(),
                          static_cast<int>(bytes.size())) == 1);
    GENERAL_NAME* const name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, type, value);
    Check(sk_GENERAL_NAME_push(names.get(), name) > 0);
  };
  for (const std::string& uri : options.uris) add(GEN_URI, uri);
  if (!options.dns.empty()) add(GEN_DNS, options.dns);
  if (options.on_loopback) add(GEN_IPADD, {127, 0, 0, 1});
  if (sk_GENERAL_NAME_num(names.get()) > 0)
    Check(X509_add1_ext_i2d(subject, NID_subject_alt_name, names.get(), 0,
                            X509V3_ADD_DEFAULT) == 1);
}

}  // namespace

TestCertificate MakeTestCertificate(const TestCertificateOptions& options,
                                    const TestCertificate* issuer,
                                    absl::Time now) {
  static std::atomic<long> next_serial{1000};
  const KeyPtr key(options.rsa_bits > 0
                       ? MakeRsaKey(options.rsa_bits, options.rsa_primes)
                       : KeyPtr(EVP_EC_gen("P-256")));
  if (options.unnamed_curve)
    Check(EVP_PKEY_set_utf8_string_param(key.get(), OSSL_PKEY_PARAM_EC_ENCODING,
                                         OSSL_PKEY_EC_ENCODING_EXPLICIT) == 1);
  if (options.compressed_point)
    Check(EVP_PKEY_set_utf8_string_param(
              key.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
              OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED) == 1);
  const X509Ptr made(X509_new());
  X509* const x509 = made.get();
  Check(X509_set_version(x509, 2) == 1);
  Check(ASN1_INTEGER_set(
            X509_get_serialNumber(x509),
            options.serial != 0 ? options.serial : next_serial++) == 1);
  if (!options.large_serial.empty())
    Check(ASN1_STRING_set(X509_get_serialNumber(x509),
                          options.large_serial.data(),
                          static_cast<int>(options.large_serial.size())) == 1);
  SetTime(X509_getm_notBefore(x509), now + options.begins);
  SetTime(X509_getm_notAfter(x509), now + options.ends);
  Check(X509_set_pubkey(x509, key.get()) == 1);
  X509_NAME_add_entry_by_txt(
      X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
      reinterpret_cast<const unsigned char*>(options.name.c_str()), -1, -1, 0);

  const X509Ptr issuer_x509 =
      issuer == nullptr ? nullptr : CertificateOf(issuer->pem);
  const KeyPtr issuer_key = issuer == nullptr ? nullptr : KeyOf(issuer->key);
  X509* const by = issuer == nullptr ? x509 : issuer_x509.get();
  Check(X509_set_issuer_name(x509, X509_get_subject_name(by)) == 1);
  AddExtension(x509, by, NID_basic_constraints,
               options.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  AddExtension(x509, by, NID_subject_key_identifier, "hash");
  AddExtension(x509, by, NID_authority_key_identifier, "keyid");
  if (options.ca)
    AddExtension(x509, by, NID_key_usage, "critical,keyCertSign,cRLSign");
  if (!options.usage.empty())
    AddExtension(x509, by, NID_ext_key_usage, options.usage.c_str());
  AddNames(x509, options);
  Check(X509_sign(x509, issuer == nullptr ? key.get() : issuer_key.get(),
                  EVP_sha256()) > 0);
  return {PemOf([&](BIO* bio) { return PEM_write_bio_X509(bio, x509); }),
          PemOf([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0,
                                            nullptr, nullptr);
          })};
}

TestCertificate MakeTestCa(const std::string& name) {
  return MakeTestCertificate({.name = name, .ca = true});
}

std::string MakeTestCrl(const TestCertificate& ca,
                        const std::vector<TestCertificate>& revoked,
                        const TestCrlOptions& options, absl::Time now) {
  const X509Ptr ca_x509 = CertificateOf(ca.pem);
  const KeyPtr ca_key = KeyOf(ca.key);
  const CrlPtr crl(X509_CRL_new());
  Check(X509_CRL_set_version(crl.get(), 1) == 1);
  Check(X509_CRL_set_issuer_name(crl.get(),
                                 X509_get_subject_name(ca_x509.get())) == 1);
  ASN1_TIME* const time = ASN1_TIME_new();
  SetTime(time, now);
  Check(X509_CRL_set1_lastUpdate(crl.get(), time) == 1);
  for (const TestCertificate& each : revoked) {
    X509_REVOKED* const entry = X509_REVOKED_new();
    Check(X509_REVOKED_set_serialNumber(
              entry, X509_get_serialNumber(CertificateOf(each.pem).get())) ==
          1);
    Check(X509_REVOKED_set_revocationDate(entry, time) == 1);
    Check(X509_CRL_add0_revoked(crl.get(), entry) == 1);
  }
  for (int i = 0; i < options.more; ++i) {
    X509_REVOKED* const entry = X509_REVOKED_new();
    ASN1_INTEGER* const serial = ASN1_INTEGER_new();
    Check(ASN1_STRING_set(serial, absl::StrFormat("s%015d", i).data(), 16) ==
          1);
    Check(X509_REVOKED_set_serialNumber(entry, serial) == 1);
    Check(X509_REVOKED_set_revocationDate(entry, time) == 1);
    Check(X509_CRL_add0_revoked(crl.get(), entry) == 1);
    ASN1_INTEGER_free(serial);
  }
  SetTime(time, now + options.next_update);
  Check(X509_CRL_set1_nextUpdate(crl.get(), time) == 1);
  ASN1_TIME_free(time);

  X509V3_CTX context;
  X509V3_set_ctx(&context, ca_x509.get(), nullptr, nullptr, crl.get(), 0);
  X509_EXTENSION* const authority = X509V3_EXT_conf_nid(
      nullptr, &context, NID_authority_key_identifier, "keyid");
  Check(X509_CRL_add_ext(crl.get(), authority, -1) == 1);
  X509_EXTENSION_free(authority);
  if (options.delta) {
    ASN1_INTEGER* const base = ASN1_INTEGER_new();
    Check(ASN1_INTEGER_set(base, 1) == 1);
    Check(X509_CRL_add1_ext_i2d(crl.get(), NID_delta_crl, base, 1, 0) == 1);
    ASN1_INTEGER_free(base);
  }
  Check(X509_CRL_sort(crl.get()) == 1);
  Check(X509_CRL_sign(crl.get(), ca_key.get(), EVP_sha256()) > 0);
  return PemOf([&](BIO* bio) {
    return options.der ? i2d_X509_CRL_bio(bio, crl.get())
                       : PEM_write_bio_X509_CRL(bio, crl.get());
  });
}

std::string LockTestKey(const std::string& key) {
  char passphrase[] = "passphrase";
  return PemOf([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(
        bio, KeyOf(key).get(), EVP_aes_256_cbc(),
        reinterpret_cast<unsigned char*>(passphrase),
        static_cast<int>(sizeof(passphrase) - 1), nullptr, nullptr);
  });
}

}  // namespace wxident

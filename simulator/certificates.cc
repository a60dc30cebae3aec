#include "simulator/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "simulator/files.h"

namespace wxident::simulator {
namespace {

constexpr absl::Duration kLife = absl::Hours(24 * 365);
constexpr absl::Duration kClockSkew = absl::Hours(24);

constexpr char kNames[] =
    "DNS:localhost,IP:127.0.0.1,IP:::1,DNS:api.weixin.qq.com,"
    "DNS:api2.weixin.qq.com,DNS:sh.api.weixin.qq.com,DNS:sz.api.weixin.qq.com,"
    "DNS:hk.api.weixin.qq.com,DNS:open.weixin.qq.com";

template <typename T, void (*kFree)(T*)>
struct Freer {
  void operator()(T* t) const { kFree(t); }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Freer<X509, X509_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO, BIO_free_all>>;

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string PemOf(X509* cert) {
  Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), cert);
  return TextOf(bio.get());
}

std::string PemOf(EVP_PKEY* key) {
  Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr,
                           nullptr);
  return TextOf(bio.get());
}

bool AddExtension(X509* cert, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(cert, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// An unsigned certificate with all that both kinds share.
Cert Draft(const char* name, EVP_PKEY* key, absl::Time now) {
  Cert cert(X509_new());
  unsigned char serial[16];
  if (RAND_bytes(serial, sizeof(serial)) != 1) return nullptr;
  serial[0] &= 0x7f;
  BIGNUM* number = BN_bin2bn(serial, sizeof(serial), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert.get()));
  BN_free(number);
  X509_set_version(cert.get(), X509_VERSION_3);
  ASN1_TIME_set(X509_getm_notBefore(cert.get()),
                absl::ToTimeT(now - kClockSkew));
  ASN1_TIME_set(X509_getm_notAfter(cert.get()), absl::ToTimeT(now + kLife));
  X509_set_pubkey(cert.get(), key);
  X509_NAME_add_entry_by_txt(
      X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  return cert;
}

// Whether the three belong together and hold for another day.
bool StillGood(const Certificates& certificates, absl::Time now) {
  const auto read = [](const std::string& pem) {
    Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return Cert(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  };
  const Cert ca = read(certificates.ca);
  const Cert server = read(certificates.server);
  Bio bio(BIO_new_mem_buf(certificates.server_key.data(),
                          static_cast<int>(certificates.server_key.size())));
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (ca == nullptr || server == nullptr || key == nullptr) return false;
  time_t soon = absl::ToTimeT(now + absl::Hours(24));
  return X509_check_private_key(server.get(), key.get()) == 1 &&
         X509_verify(server.get(), X509_get0_pubkey(ca.get())) == 1 &&
         X509_cmp_time(X509_get0_notAfter(server.get()), &soon) > 0 &&
         X509_cmp_time(X509_get0_notAfter(ca.get()), &soon) > 0;
}

}  // namespace

absl::StatusOr<Certificates> MakeCertificates(absl::Time now) {
  const Key ca_key(EVP_EC_gen("P-256"));
  const Key key(EVP_EC_gen("P-256"));
  if (ca_key == nullptr || key == nullptr)
    return absl::InternalError("OpenSSL makes no P-256 key");
  const Cert ca = Draft("WeChat simulator CA", ca_key.get(), now);
  const Cert cert = Draft("api.weixin.qq.com", key.get(), now);
  if (ca == nullptr || cert == nullptr)
    return absl::InternalError("OpenSSL makes no certificate");

  X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
  X509_set_issuer_name(cert.get(), X509_get_subject_name(ca.get()));
  X509* const issuer = ca.get();
  const bool made =
      AddExtension(issuer, issuer, NID_basic_constraints,
                   "critical,CA:TRUE,pathlen:0") &&
      AddExtension(issuer, issuer, NID_key_usage,
                   "critical,keyCertSign,cRLSign") &&
      AddExtension(issuer, issuer, NID_subject_key_identifier, "hash") &&
      X509_sign(issuer, ca_key.get(), EVP_sha256()) > 0 &&
      AddExtension(cert.get(), issuer, NID_basic_constraints,
                   "critical,CA:FALSE") &&
      AddExtension(cert.get(), issuer, NID_key_usage,
                   "critical,digitalSignature") &&
      AddExtension(cert.get(), issuer, NID_ext_key_usage, "serverAuth") &&
      AddExtension(cert.get(), issuer, NID_subject_key_identifier, "hash") &&
      AddExtension(cert.get(), issuer, NID_authority_key_identifier,
                   "keyid:always") &&
      AddExtension(cert.get(), issuer, NID_subject_alt_name, kNames) &&
      X509_sign(cert.get(), ca_key.get(), EVP_sha256()) > 0;
  if (!made) return absl::InternalError("OpenSSL signs no certificate");
  return Certificates{PemOf(issuer), PemOf(cert.get()), PemOf(key.get())};
}

absl::StatusOr<Certificates> LoadOrMakeCertificates(const std::string& dir,
                                                    absl::Time now) {
  const std::string ca = dir + "/ca.pem";
  const std::string server = dir + "/server.pem";
  const std::string key = dir + "/server.key";
  const auto text = [](const std::string& path) {
    return ReadFile(path).value_or("");
  };
  const Certificates found{text(ca), text(server), text(key)};
  if (StillGood(found, now)) return found;
  WX_ASSIGN_OR_RETURN(const Certificates made, MakeCertificates(now));
  WX_RETURN_IF_ERROR(WriteFile(key, made.server_key, /*secret=*/true));
  WX_RETURN_IF_ERROR(WriteFile(server, made.server));
  WX_RETURN_IF_ERROR(WriteFile(ca, made.ca));
  return made;
}

}  // namespace wxident::simulator

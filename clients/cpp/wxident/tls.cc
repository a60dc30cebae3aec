#include "wxident/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <functional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "wxident/address.h"

namespace wxident::client {
namespace {

namespace tls = grpc::experimental;

template <typename T, void (*Free)(T*)>
struct Freer {
  void operator()(T* object) const { Free(object); }
};
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX, SSL_CTX_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509, X509_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO, BIO_free_all>>;

// What gRPC would find out at the first connection, and tell in a log only.
absl::Status CheckFiles(const ClientOptions& options) {
  if (options.cert_file.empty() != options.key_file.empty())
    return Refused("cert_file and key_file",
                   "WXIDENT_CLIENT_TLS_CERT_FILE, WXIDENT_CLIENT_TLS_KEY_FILE",
                   "must both be set, or neither");
  for (const auto& [path, option, variable] :
       {std::tuple(options.ca_file, "ca_file", "WXIDENT_CLIENT_TLS_CA_FILE"),
        std::tuple(options.cert_file, "cert_file",
                   "WXIDENT_CLIENT_TLS_CERT_FILE"),
        std::tuple(options.key_file, "key_file",
                   "WXIDENT_CLIENT_TLS_KEY_FILE")})
    if (!path.empty() && access(path.c_str(), R_OK) != 0)
      return Refused(option, variable, absl::StrCat("cannot be read: ", path));
  const Context context(SSL_CTX_new(TLS_client_method()));
  absl::Status bad;
  if (!options.ca_file.empty() &&
      SSL_CTX_load_verify_locations(context.get(), options.ca_file.c_str(),
                                    nullptr) != 1)
    bad = Refused("ca_file", "WXIDENT_CLIENT_TLS_CA_FILE",
                  absl::StrCat("has no certificate in PEM: ", options.ca_file));
  else if (!options.cert_file.empty() &&
           SSL_CTX_use_certificate_chain_file(context.get(),
                                              options.cert_file.c_str()) != 1)
    bad =
        Refused("cert_file", "WXIDENT_CLIENT_TLS_CERT_FILE",
                absl::StrCat("has no certificate in PEM: ", options.cert_file));
  else if (!options.key_file.empty() &&
           SSL_CTX_use_PrivateKey_file(context.get(), options.key_file.c_str(),
                                       SSL_FILETYPE_PEM) != 1)
    bad = Refused("key_file", "WXIDENT_CLIENT_TLS_KEY_FILE",
                  absl::StrCat("has no private key in PEM, or not that of "
                               "cert_file: ",
                               options.key_file));
  ERR_clear_error();
  return bad;
}

// Accepts a certificate, already checked against the CAs, that has any of some
// names.
class AnyNameVerifier : public tls::ExternalCertificateVerifier {
 public:
  explicit AnyNameVerifier(std::vector<std::string> names)
      : names_(std::move(names)) {}
  ~AnyNameVerifier() override = default;

  bool Verify(tls::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>,
              grpc::Status* sync_status) override {
    const grpc::string_ref pem = request->peer_cert();
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const Certificate certificate(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (certificate != nullptr)
      for (const std::string& name : names_)
        // Each takes its own kind of names alone.
        if (X509_check_ip_asc(certificate.get(), name.c_str(), 0) == 1 ||
            X509_check_host(certificate.get(), name.data(), name.size(), 0,
                            nullptr) == 1)
          return true;
    *sync_status = {grpc::StatusCode::UNAUTHENTICATED,
                    "the server's certificate names none of the addresses"};
    return true;
  }

  void Cancel(tls::TlsCustomVerificationCheckRequest*) override {}

 private:
  const std::vector<std::string> names_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeTlsCredentials(
    const ClientOptions& options, const std::vector<std::string>& names,
    unsigned int reload_seconds) {
  if (absl::Status bad = CheckFiles(options); !bad.ok()) return bad;
  tls::TlsChannelCredentialsOptions ssl;
  if (!options.cert_file.empty() || !options.ca_file.empty()) {
    ssl.set_certificate_provider(
        std::make_shared<tls::FileWatcherCertificateProvider>(
            options.key_file, options.cert_file, options.ca_file,
            reload_seconds));
    if (!options.ca_file.empty()) ssl.watch_root_certs();
    if (!options.cert_file.empty()) ssl.watch_identity_key_cert_pairs();
  }
  if (names.size() > 1) {
    ssl.set_certificate_verifier(
        tls::ExternalCertificateVerifier::Create<AnyNameVerifier>(names));
    ssl.set_check_call_host(false);
  }
  return tls::TlsCredentials(ssl);
}

}  // namespace wxident::client

#include "server/tls/tls_server.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/crypto/openssl_ptr.h"
#include "server/tls/tls_guard.h"

namespace wxident {
namespace {

using SslPtr = std::unique_ptr<SSL, OpensslFreer<SSL, SSL_free>>;

// With forward secrecy and authentication of what is sent; TLS 1.3 has no
// others.
constexpr char kTls12Ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char kH2[] = {2, 'h', '2'};

X509Ptr NextCertificate(BIO* from) {
  return X509Ptr(PEM_read_bio_X509(from, nullptr, NoPassphrase, nullptr));
}

// What OpenSSL's queue of this thread says first, which it loses with that.
std::string TakeReason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "the connection ended";
}

absl::Status Refused(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", TakeReason()));
}

int ChooseH2(SSL*, const unsigned char** out, unsigned char* out_size,
             const unsigned char* in, unsigned int in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kH2, sizeof(kH2), in, in_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

absl::Status UseChain(SSL_CTX* context, absl::string_view pem) {
  const BioPtr bio = BioOf(pem);
  const X509Ptr own = NextCertificate(bio.get());
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1)
    return Refused("hold a server's certificate that cannot be used");
  while (const X509Ptr next = NextCertificate(bio.get()))
    if (SSL_CTX_add1_chain_cert(context, next.get()) != 1)
      return Refused("hold a chain that cannot be used");
  // The end of the text is an error to it.
  ERR_clear_error();
  return absl::OkStatus();
}

absl::Status UseKey(SSL_CTX* context, const Secret& pem) {
  const BioPtr bio = BioOf(pem.Expose());
  const KeyPtr key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr || SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    return Refused("hold a private key that cannot be used");
  return absl::OkStatus();
}

absl::Status UseCas(SSL_CTX* context, absl::string_view pem) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  // Each of them vouches, also one that another CA has signed.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  const BioPtr bio = BioOf(pem);
  while (const X509Ptr ca = NextCertificate(bio.get()))
    // The second also tells clients by which CAs their certificate may be.
    if (X509_STORE_add_cert(store, ca.get()) != 1 ||
        SSL_CTX_add_client_CA(context, ca.get()) != 1)
      return Refused("hold a CA that cannot be used");
  ERR_clear_error();
  return absl::OkStatus();
}

void AppendPem(X509* certificate, std::string& out) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate) != 1) return;
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  out.append(text, static_cast<size_t>(size));
}

class OpensslStream final : public TlsStream {
 public:
  explicit OpensslStream(SslPtr ssl) : ssl_(std::move(ssl)) {
    SSL_set_msg_callback(ssl_.get(), OnMessage);
    SSL_set_msg_callback_arg(ssl_.get(), &guard_);
    BIO* const bio = SSL_get_rbio(ssl_.get());
    BIO_set_callback_arg(bio, reinterpret_cast<char*>(&guard_));
    BIO_set_callback_ex(bio, OnBio);
  }

  absl::StatusOr<bool> Handshake() override {
    ERR_clear_error();
    const int result = SSL_accept(ssl_.get());
    if (result == 1) {
      const unsigned char* protocol = nullptr;
      unsigned int size = 0;
      SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
      if (size > 0) return true;
      return absl::UnauthenticatedError("no ALPN, which gRPC needs");
    }
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
      return false;
    if (!guard_.wrong().empty()) {
      ERR_clear_error();
      return absl::UnauthenticatedError(guard_.wrong());
    }
    const long verified = SSL_get_verify_result(ssl_.get());
    const std::string reason = TakeReason();
    return absl::UnauthenticatedError(
        verified == X509_V_OK
            ? reason
            : absl::StrCat(reason, ": ",
                           X509_verify_cert_error_string(verified)));
  }

  ssize_t Read(char* to, size_t size) override {
    ERR_clear_error();
    size_t done = 0;
    const int result = SSL_read_ex(ssl_.get(), to, size, &done);
    if (result != 1) return Failed(result);
    guard_.OnData();
    return static_cast<ssize_t>(done);
  }

  ssize_t Write(const char* from, size_t size) override {
    ERR_clear_error();
    size_t done = 0;
    const int result = SSL_write_ex(ssl_.get(), from, size, &done);
    return result == 1 ? static_cast<ssize_t>(done) : Failed(result);
  }

  bool HasPending() const override { return SSL_has_pending(ssl_.get()) == 1; }
  bool WantsWrite() const override { return SSL_want_write(ssl_.get()); }
  absl::string_view violation() const override {
    return guard_.wrong().empty() ? wrong_ : guard_.wrong();
  }

  void End() override {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }

  std::string PeerCertificates() const override {
    std::string out;
    const STACK_OF(X509)* chain = SSL_get0_verified_chain(ssl_.get());
    for (int i = 0; i < sk_X509_num(chain); ++i)
      AppendPem(sk_X509_value(chain, i), out);
    return out;
  }

 private:
  // OpenSSL shows each record's header, and each message before it is read.
  static void OnMessage(int is_sent, int version, int type, const void* bytes,
                        size_t size, SSL*, void* guard) {
    if (is_sent != 0) return;
    auto& bounds = *static_cast<TlsGuard*>(guard);
    if (type == SSL3_RT_HEADER) return bounds.OnRecord();
    if (type != SSL3_RT_HANDSHAKE) return;
    auto* const first = static_cast<char*>(const_cast<void*>(bytes));
    const bool fine =
        bounds.OnHandshakeMessage({first, size}, version == TLS1_3_VERSION);
    // The only way to keep OpenSSL from reading it is to make it unreadable:
    // the sizes that it begins with are more than there is.
    if (!fine) std::fill_n(first + kMessageHeader, kSpoilt, '\xff');
  }

  // Before and after each read of the socket, of which there may be many in
  // one call.
  static long OnBio(BIO* bio, int what, const char* bytes, size_t, int, long,
                    int result, size_t* size) {
    auto* const guard = reinterpret_cast<TlsGuard*>(BIO_get_callback_arg(bio));
    if (what == (BIO_CB_READ | BIO_CB_RETURN) && result > 0)
      guard->OnBytes({bytes, *size});
    else if (what != BIO_CB_READ)
      return result;
    if (guard->wrong().empty()) return result;
    BIO_clear_retry_flags(bio);
    return -1;
  }

  ssize_t Failed(int result) {
    const int error = SSL_get_error(ssl_.get(), result);
    // Whoever sends an alert may go; whoever is sent one has broken a rule.
    if (error == SSL_ERROR_SSL &&
        ERR_GET_REASON(ERR_peek_error()) < SSL_AD_REASON_OFFSET)
      wrong_ = "the client breaks the rules of TLS";
    ERR_clear_error();
    switch (error) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return kStreamWaits;
      case SSL_ERROR_ZERO_RETURN:
        return kStreamEnded;
      default:
        return kStreamBroken;
    }
  }

  static constexpr size_t kMessageHeader = 4;
  // Of a Certificate message: the sizes that it begins with.
  static constexpr size_t kSpoilt = 4;

  TlsGuard guard_;
  absl::string_view wrong_;
  const SslPtr ssl_;
};

class OpensslServer final : public TlsServer {
 public:
  explicit OpensslServer(ContextPtr context) : context_(std::move(context)) {}

  std::unique_ptr<TlsStream> Accept(int fd) const override {
    SslPtr ssl(SSL_new(context_.get()));
    if (ssl == nullptr || SSL_set_fd(ssl.get(), fd) != 1) return nullptr;
    return std::make_unique<OpensslStream>(std::move(ssl));
  }

 private:
  const ContextPtr context_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const TlsServer>> TlsServer::Create(
    absl::string_view certificate_chain, const Secret& private_key,
    absl::string_view client_cas) {
  ERR_clear_error();
  ContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return Refused("cannot be used");
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(
      raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_max_cert_list(raw, TlsGuard::kMaxCertificateBytes);
  // All that has come is read at once, not each record's header by itself.
  SSL_CTX_set_read_ahead(raw, 1);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  SSL_CTX_set_alpn_select_cb(raw, ChooseH2, nullptr);
  if (SSL_CTX_set_cipher_list(raw, kTls12Ciphers) != 1)
    return Refused("cannot be used");
  WX_RETURN_IF_ERROR(UseChain(raw, certificate_chain));
  WX_RETURN_IF_ERROR(UseKey(raw, private_key));
  WX_RETURN_IF_ERROR(UseCas(raw, client_cas));
  return std::make_shared<OpensslServer>(std::move(context));
}

}  // namespace wxident

#include "tests/tls/tls_client.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>
#include <utility>

#include "server/tls/certificates.h"

namespace wxident {
namespace {

BIO* BioOf(const std::string& text) {
  return BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
}

// Calls `use` for each certificate of `pem`.
template <typename Use>
void ForEachCertificate(const std::string& pem, const Use& use) {
  BIO* bio = BioOf(pem);
  while (X509* certificate =
             PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)) {
    use(certificate);
    X509_free(certificate);
  }
  ERR_clear_error();
  BIO_free(bio);
}

int VersionOf(int version) {
  switch (version) {
    case 11:
      return TLS1_1_VERSION;
    case 12:
      return TLS1_2_VERSION;
    case 13:
      return TLS1_3_VERSION;
    default:
      std::abort();
  }
}

}  // namespace

struct TlsClient::State {
  int fd = -1;
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
};

TlsClient::TlsClient(int fd, const std::string& cas,
                     const TlsClientOptions& options)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.fd = fd;
  state.context = SSL_CTX_new(TLS_client_method());
  // An old version is offered so that the server can refuse it.
  SSL_CTX_set_security_level(state.context, 0);
  // Nothing of the chain is sent but what is told.
  SSL_CTX_set_mode(state.context, SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_min_proto_version(state.context, VersionOf(options.version));
  SSL_CTX_set_max_proto_version(state.context, VersionOf(options.version));
  SSL_CTX_set_verify(state.context,
                     cas.empty() ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  ForEachCertificate(cas, [&](X509* ca) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(state.context), ca);
  });
  if (options.shown != nullptr) {
    ForEachCertificate(options.shown->pem, [&](X509* own) {
      SSL_CTX_use_certificate(state.context, own);
    });
    ForEachCertificate(options.chain, [&](X509* next) {
      SSL_CTX_add1_chain_cert(state.context, next);
    });
    BIO* bio = BioOf(options.shown->key);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_PrivateKey(state.context, key);
    EVP_PKEY_free(key);
    BIO_free(bio);
  }
  state.ssl = SSL_new(state.context);
  if (!options.alpn.empty()) {
    const std::string wire =
        static_cast<char>(options.alpn.size()) + options.alpn;
    SSL_set_alpn_protos(state.ssl,
                        reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned int>(wire.size()));
  }
  SSL_set_fd(state.ssl, fd);
}

TlsClient::~TlsClient() {
  SSL_free(state_->ssl);
  SSL_CTX_free(state_->context);
  close(state_->fd);
  ERR_clear_error();
}

bool TlsClient::Handshake() { return SSL_connect(state_->ssl) == 1; }

bool TlsClient::Write(absl::string_view bytes) {
  return SSL_write(state_->ssl, bytes.data(), static_cast<int>(bytes.size())) ==
         static_cast<int>(bytes.size());
}

bool TlsClient::UpdateKey() {
  return SSL_key_update(state_->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
         SSL_do_handshake(state_->ssl) == 1;
}

std::string TlsClient::Read(size_t most) {
  std::string out(most, '\0');
  const int count = SSL_read(state_->ssl, out.data(), static_cast<int>(most));
  out.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return out;
}

bool TlsClient::resumed() const {
  return SSL_session_reused(state_->ssl) == 1 ||
         SSL_SESSION_has_ticket(SSL_get0_session(state_->ssl)) == 1;
}

std::string TlsClient::server_serial() const {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, SSL_get0_peer_certificate(state_->ssl));
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  const auto read =
      ParseCertificates(absl::string_view(text, static_cast<size_t>(size)));
  BIO_free(bio);
  return read.ok() ? read->front().serial : "";
}

absl::Status ShakeHands(TlsStream& server, int fd, TlsClient& client) {
  std::thread other([&client] { client.Handshake(); });
  absl::StatusOr<bool> done = false;
  while (done.ok() && !*done) {
    done = server.Handshake();
    pollfd wait{fd, POLLIN, 0};
    if (done.ok() && !*done) poll(&wait, 1, 10'000);
  }
  // One that waits for an answer hears that there is none.
  if (!done.ok()) shutdown(fd, SHUT_RDWR);
  other.join();
  return done.status();
}

absl::Status ShakeHands(const TlsServer& server,
                        const TlsClientOptions& options) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    std::abort();
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  const std::unique_ptr<TlsStream> stream = server.Accept(ends[0]);
  TlsClient client(ends[1], "", options);
  absl::Status result = ShakeHands(*stream, ends[0], client);
  close(ends[0]);
  return result;
}

}  // namespace wxident

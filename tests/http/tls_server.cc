#include "tests/http/tls_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace wxident {
namespace {

using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using Cert = std::unique_ptr<X509, void (*)(X509*)>;

void Check(bool ok) {
  if (!ok) std::abort();
}

Key NewKey() { return Key(EVP_EC_gen("P-256"), EVP_PKEY_free); }

void AddExtension(X509* cert, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  Check(extension != nullptr && X509_add_ext(cert, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

// Valid from two days ago until `until` seconds from now.
Cert NewCert(const char* name, EVP_PKEY* subject_key, X509* issuer,
             EVP_PKEY* issuer_key, long until, const char* san) {
  Cert cert(X509_new(), X509_free);
  X509_set_version(cert.get(), 2);
  static std::atomic<long> serial{1};
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -2 * 86400);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), until);
  X509_set_pubkey(cert.get(), subject_key);
  X509_NAME* subject = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1,
                             -1, 0);
  X509_set_issuer_name(
      cert.get(), issuer == nullptr ? subject : X509_get_subject_name(issuer));
  if (issuer == nullptr) {
    AddExtension(cert.get(), NID_basic_constraints, "critical,CA:TRUE");
    AddExtension(cert.get(), NID_key_usage, "critical,keyCertSign");
  } else {
    AddExtension(cert.get(), NID_subject_alt_name, san);
  }
  Check(X509_sign(cert.get(), issuer_key, EVP_sha256()) > 0);
  return cert;
}

// Threads of the server must not die of a client that closed.
void IgnoreSigpipe() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
}

std::string TempFileName() {
  static std::atomic<int> count{0};
  const char* dir = std::getenv("TEST_TMPDIR");
  return absl::StrCat(dir == nullptr ? "/tmp" : dir, "/tls-server-ca-",
                      getpid(), "-", count++, ".pem");
}

// Of the request's body, by its head.
size_t ContentLength(absl::string_view head) {
  for (absl::string_view line : absl::StrSplit(head, "\r\n")) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    uint64_t length = 0;
    if (absl::AsciiStrToLower(parts.first) == "content-length" &&
        absl::SimpleAtoi(parts.second, &length))
      return length;
  }
  return 0;
}

}  // namespace

struct TlsServer::Context {
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> ssl{nullptr, SSL_CTX_free};
};

TlsServer::TlsServer(Options options, Script script)
    : options_(options),
      script_(std::move(script)),
      context_(std::make_unique<Context>()) {
  const Key ca_key = NewKey();
  const Key key = NewKey();
  const Cert ca =
      NewCert("Test CA", ca_key.get(), nullptr, ca_key.get(), 86400, nullptr);
  const Key other_key = NewKey();
  const Cert other = NewCert("Other CA", other_key.get(), nullptr,
                             other_key.get(), 86400, nullptr);
  const Certificate kind = options_.certificate;
  const bool unknown = kind == Certificate::kUnknownCa;
  const Cert cert = NewCert(
      "test server", key.get(), unknown ? other.get() : ca.get(),
      unknown ? other_key.get() : ca_key.get(),
      kind == Certificate::kExpired ? -86400 : 86400,
      kind == Certificate::kWrongName ? "DNS:api.example.com" : "IP:127.0.0.1");

  ca_file_ = TempFileName();
  FILE* file = std::fopen(ca_file_.c_str(), "w");
  Check(file != nullptr && PEM_write_X509(file, ca.get()) == 1);
  std::fclose(file);

  context_->ssl.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* ssl = context_->ssl.get();
  // Below TLS 1.2, OpenSSL asks for security level 0.
  if (options_.max_tls_version < TLS1_2_VERSION)
    SSL_CTX_set_security_level(ssl, 0);
  Check(SSL_CTX_set_min_proto_version(ssl, TLS1_VERSION) == 1 &&
        SSL_CTX_set_max_proto_version(ssl, options_.max_tls_version) == 1 &&
        SSL_CTX_use_certificate(ssl, cert.get()) == 1 &&
        SSL_CTX_use_PrivateKey(ssl, key.get()) == 1);

  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  Check(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
        listen(listener_, 512) == 0 &&
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) ==
            0);
  port_ = ntohs(address.sin_port);
  int stop[2];
  Check(pipe(stop) == 0);
  stop_read_ = stop[0];
  stop_write_ = stop[1];
  accept_thread_ = std::thread([this] { AcceptLoop(); });
}

TlsServer::~TlsServer() {
  close(stop_write_);
  accept_thread_.join();
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
  close(stop_read_);
  unlink(ca_file_.c_str());
}

std::string TlsServer::url() const {
  return absl::StrCat("https://127.0.0.1:", port_);
}

int TlsServer::connections() {
  std::lock_guard<std::mutex> lock(mutex_);
  return connections_;
}

bool TlsServer::WaitForConnections(int count) {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10),
                           [&] { return connections_ >= count; });
}

void TlsServer::AcceptLoop() {
  IgnoreSigpipe();
  while (true) {
    pollfd fds[] = {{listener_, POLLIN, 0}, {stop_read_, POLLIN, 0}};
    poll(fds, 2, -1);
    if (fds[1].revents != 0) return;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    std::lock_guard<std::mutex> lock(mutex_);
    ++connections_;
    threads_.emplace_back([this, fd] { Serve(fd); });
    changed_.notify_all();
  }
}

void TlsServer::Serve(int fd) {
  IgnoreSigpipe();
  // Nothing may outlive a test by more than this.
  const timeval timeout{30, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context_->ssl.get()),
                                           SSL_free);
  SSL_set_fd(ssl.get(), fd);
  Connection connection(*this, fd, ssl.get());
  if (options_.stall_handshake) {
    // What the client sends is never read, so only the stop ends this.
    pollfd stop{stop_read_, POLLIN, 0};
    poll(&stop, 1, -1);
  } else if (connection.WaitReadable() && SSL_accept(ssl.get()) == 1) {
    script_(connection);
    connection.Close();
  }
  if (connection.fd_ >= 0) close(fd);
}

bool TlsServer::Connection::WaitReadable() {
  if (SSL_pending(ssl_) > 0) return true;
  pollfd fds[] = {{fd_, POLLIN, 0}, {server_.stop_read_, POLLIN, 0}};
  poll(fds, 2, -1);
  return fds[1].revents == 0;
}

std::optional<std::string> TlsServer::Connection::ReadRequest() {
  while (true) {
    const size_t end = unread_.find("\r\n\r\n");
    if (end != std::string::npos) {
      const size_t size = end + 4 + ContentLength(unread_.substr(0, end));
      if (unread_.size() >= size) {
        std::string request = unread_.substr(0, size);
        unread_.erase(0, size);
        return request;
      }
    }
    char bytes[4096];
    if (!WaitReadable()) return std::nullopt;
    const int got = SSL_read(ssl_, bytes, sizeof(bytes));
    if (got <= 0) return std::nullopt;
    unread_.append(bytes, got);
  }
}

void TlsServer::Connection::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    const int sent = SSL_write(ssl_, bytes.data(), bytes.size());
    if (sent <= 0) return;
    bytes.remove_prefix(sent);
  }
}

void TlsServer::Connection::Answer(absl::string_view body) {
  Write(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(),
                     "\r\n\r\n", body));
}

void TlsServer::Connection::Close() {
  if (fd_ < 0) return;
  SSL_shutdown(ssl_);
  close(fd_);
  fd_ = -1;
}

void TlsServer::Connection::Reset() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(fd_);
  fd_ = -1;
}

void TlsServer::Connection::WaitForEnd() {
  char byte;
  while (WaitReadable() && SSL_read(ssl_, &byte, 1) > 0) {
  }
}

}  // namespace wxident

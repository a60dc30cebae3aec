#include "bench/peers/h2_connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"

namespace wxident {
namespace {

using Call = H2Connection::Call;

// So large that answers are never held back for a window.
constexpr int32_t kWindow = 1 << 30;
// What one TLS record can take.
constexpr size_t kWriteSize = 16 << 10;
constexpr int kHandshakeSeconds = 10;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
std::unique_ptr<BIO, FreeBio> BioOf(const std::string& text) {
  return std::unique_ptr<BIO, FreeBio>(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

absl::Status TlsError(absl::string_view what) {
  char text[256] = "the peer closed";
  if (const unsigned long code = ERR_get_error(); code != 0)
    ERR_error_string_n(code, text, sizeof(text));
  ERR_clear_error();
  return absl::UnavailableError(absl::StrCat(what, ": ", text));
}

absl::Status SocketError(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(errno)));
}

absl::string_view View(const uint8_t* text, size_t size) {
  return {reinterpret_cast<const char*>(text), size};
}

int OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
             const uint8_t* name, size_t name_size, const uint8_t* value,
             size_t value_size, uint8_t, void*) {
  auto* call = static_cast<Call*>(
      nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
  if (call == nullptr) return 0;
  int* number = nullptr;
  if (View(name, name_size) == ":status") number = &call->http_status;
  if (View(name, name_size) == "grpc-status") number = &call->grpc_status;
  if (number != nullptr && !absl::SimpleAtoi(View(value, value_size), number))
    *number = -1;
  return 0;
}

int OnData(nghttp2_session* session, uint8_t, int32_t stream,
           const uint8_t* data, size_t size, void*) {
  auto* call =
      static_cast<Call*>(nghttp2_session_get_stream_user_data(session, stream));
  if (call == nullptr) return 0;
  for (size_t i = 0; i < size && call->received + i < sizeof(call->prefix); ++i)
    call->prefix[call->received + i] = data[i];
  call->received += size;
  return 0;
}

ssize_t GiveRequest(nghttp2_session*, int32_t, uint8_t* buffer, size_t size,
                    uint32_t* flags, nghttp2_data_source* source, void*) {
  auto* call = static_cast<Call*>(source->ptr);
  const size_t count = std::min(size, call->request.size() - call->sent);
  std::memcpy(buffer, call->request.data() + call->sent, count);
  call->sent += count;
  if (call->sent == call->request.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(count);
}

nghttp2_nv Header(absl::string_view name, absl::string_view value) {
  // nghttp2 does not change them.
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())),
          name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsClient>> TlsClient::Create(
    const std::string& ca_pem, const std::string& certificate_pem,
    const std::string& key_pem) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  std::unique_ptr<TlsClient> made(new TlsClient(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  static constexpr unsigned char kAlpn[] = {2, 'h', '2'};
  SSL_CTX_set_alpn_protos(context, kAlpn, sizeof(kAlpn));
  X509* ca = PEM_read_bio_X509(BioOf(ca_pem).get(), nullptr, nullptr, nullptr);
  X509* own = PEM_read_bio_X509(BioOf(certificate_pem).get(), nullptr, nullptr,
                                nullptr);
  EVP_PKEY* key =
      PEM_read_bio_PrivateKey(BioOf(key_pem).get(), nullptr, nullptr, nullptr);
  const bool taken =
      ca != nullptr && own != nullptr && key != nullptr &&
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca) == 1 &&
      SSL_CTX_use_certificate(context, own) == 1 &&
      SSL_CTX_use_PrivateKey(context, key) == 1;
  X509_free(ca);
  X509_free(own);
  EVP_PKEY_free(key);
  if (!taken) return TlsError("the CA, the certificate or its key");
  return made;
}

int Call::Status() const {
  constexpr int kUnknown = 2;
  if (http_status != 200 || grpc_status < 0) return kUnknown;
  if (grpc_status != 0) return grpc_status;
  uint32_t size = 0;
  std::memcpy(&size, prefix + 1, sizeof(size));
  const bool whole = received >= sizeof(prefix) && prefix[0] == 0 &&
                     ntohl(size) == received - sizeof(prefix);
  return whole ? 0 : kUnknown;
}

H2Connection::H2Connection(int fd, std::string authority, std::string path,
                           std::function<void(Call&)> on_end)
    : fd_(fd),
      authority_(std::move(authority)),
      path_(std::move(path)),
      on_end_(std::move(on_end)) {}

H2Connection::~H2Connection() { close(fd_); }

absl::StatusOr<std::unique_ptr<H2Connection>> H2Connection::Connect(
    const std::string& host, uint16_t port, const std::string& path,
    const TlsClient* tls, std::function<void(Call&)> on_end) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1)
    return absl::InvalidArgumentError(
        absl::StrCat(host, " is no IPv4 address"));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return SocketError("socket");
  std::unique_ptr<H2Connection> made(new H2Connection(
      fd, absl::StrCat(host, ":", port), path, std::move(on_end)));
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const timeval limit{kHandshakeSeconds, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    return SocketError(absl::StrCat("connecting to ", made->authority_));
  if (tls != nullptr) WX_RETURN_IF_ERROR(made->ShakeHands(host, *tls));
  WX_RETURN_IF_ERROR(made->Begin());
  if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return SocketError("fcntl");
  return made;
}

absl::Status H2Connection::ShakeHands(const std::string& host,
                                      const TlsClient& tls) {
  ssl_.reset(SSL_new(tls.context()));
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str()) !=
          1 ||
      SSL_set_fd(ssl_.get(), fd_) != 1 || SSL_connect(ssl_.get()) != 1)
    return TlsError(absl::StrCat("TLS with ", authority_));
  return absl::OkStatus();
}

absl::Status H2Connection::Begin() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session* session, int32_t stream, uint32_t, void*) {
        auto* call = static_cast<Call*>(
            nghttp2_session_get_stream_user_data(session, stream));
        if (call != nullptr) call->connection->on_end_(*call);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
        if (frame->hd.type == NGHTTP2_SETTINGS)
          static_cast<H2Connection*>(self)->greeted_ = true;
        return 0;
      });
  nghttp2_session* session = nullptr;
  nghttp2_session_client_new(&session, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  session_.reset(session);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow}};
  if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
                              std::size(settings)) != 0 ||
      nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                            kWindow) != 0)
    return absl::InternalError("nghttp2 refuses its settings");
  WX_RETURN_IF_ERROR(Flush());
  unsigned char buffer[4 << 10];
  while (!greeted_) {
    WX_ASSIGN_OR_RETURN(const size_t got, ReadSome(buffer, sizeof(buffer)));
    if (got == 0)
      return absl::DeadlineExceededError(
          absl::StrCat(authority_, " does not begin to speak HTTP/2"));
    WX_RETURN_IF_ERROR(Take(buffer, got));
  }
  return absl::OkStatus();
}

uint32_t H2Connection::MaxCalls() const {
  return nghttp2_session_get_remote_settings(
      session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

absl::Status H2Connection::Start(Call& call) {
  call.connection = this;
  call.sent = call.received = 0;
  call.http_status = 0;
  call.grpc_status = -1;
  const nghttp2_nv headers[] = {
      Header(":method", "POST"),
      Header(":scheme", ssl_ == nullptr ? "http" : "https"),
      Header(":path", path_),
      Header(":authority", authority_),
      Header("te", "trailers"),
      Header("content-type", "application/grpc"),
      Header("grpc-timeout", "10S"),
  };
  nghttp2_data_provider body{};
  body.source.ptr = &call;
  body.read_callback = GiveRequest;
  const int stream = nghttp2_submit_request(session_.get(), nullptr, headers,
                                            std::size(headers), &body, &call);
  if (stream < 0)
    return absl::UnavailableError(
        absl::StrCat("no call more: ", nghttp2_strerror(stream)));
  return absl::OkStatus();
}

absl::StatusOr<size_t> H2Connection::ReadSome(unsigned char* data,
                                              size_t size) {
  if (ssl_ == nullptr) {
    const ssize_t got = recv(fd_, data, size, 0);
    if (got > 0) return static_cast<size_t>(got);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got == 0) errno = ECONNRESET;
    return SocketError("reading");
  }
  const int got = SSL_read(ssl_.get(), data, static_cast<int>(size));
  if (got > 0) return static_cast<size_t>(got);
  if (SSL_get_error(ssl_.get(), got) == SSL_ERROR_WANT_READ) return 0;
  return TlsError("reading");
}

absl::StatusOr<size_t> H2Connection::WriteSome(const unsigned char* data,
                                               size_t size) {
  if (ssl_ == nullptr) {
    const ssize_t put = send(fd_, data, size, MSG_NOSIGNAL);
    if (put > 0) return static_cast<size_t>(put);
    if (errno == EAGAIN || errno == EINTR) return 0;
    return SocketError("writing");
  }
  const int put = SSL_write(ssl_.get(), data, static_cast<int>(size));
  if (put > 0) return static_cast<size_t>(put);
  if (SSL_get_error(ssl_.get(), put) == SSL_ERROR_WANT_WRITE) return 0;
  return TlsError("writing");
}

absl::Status H2Connection::Take(const unsigned char* data, size_t size) {
  const ssize_t taken = nghttp2_session_mem_recv(session_.get(), data, size);
  if (taken >= 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "the server's HTTP/2: ", nghttp2_strerror(static_cast<int>(taken))));
}

absl::Status H2Connection::Read() {
  unsigned char buffer[64 << 10];
  // Until nothing is left: TLS may hold what the socket no longer shows.
  while (true) {
    WX_ASSIGN_OR_RETURN(const size_t got, ReadSome(buffer, sizeof(buffer)));
    if (got == 0) break;
    WX_RETURN_IF_ERROR(Take(buffer, got));
    if (ssl_ == nullptr && got < sizeof(buffer)) break;
  }
  if (nghttp2_session_want_read(session_.get()) == 0)
    return absl::UnavailableError("the server ended the connection");
  return absl::OkStatus();
}

absl::Status H2Connection::Flush() {
  while (true) {
    if (unsent_ == 0) {
      out_.clear();
      const uint8_t* data = nullptr;
      ssize_t size = 0;
      while (out_.size() < kWriteSize &&
             (size = nghttp2_session_mem_send(session_.get(), &data)) > 0)
        out_.append(reinterpret_cast<const char*>(data),
                    static_cast<size_t>(size));
      if (size < 0)
        return absl::InternalError(nghttp2_strerror(static_cast<int>(size)));
      if (out_.empty()) return absl::OkStatus();
      unsent_ = out_.size();
    }
    WX_ASSIGN_OR_RETURN(
        const size_t put,
        WriteSome(reinterpret_cast<const unsigned char*>(out_.data()) +
                      (out_.size() - unsent_),
                  unsent_));
    if (put == 0) return absl::OkStatus();
    unsent_ -= put;
  }
}

}  // namespace wxident

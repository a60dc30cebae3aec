#include "simulator/http_server.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"

namespace wxident::simulator {
namespace {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
namespace net = boost::asio;
namespace ssl = boost::asio::ssl;
using tcp = boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kHandshakeTime(10);
// For a request to begin and to arrive whole.
constexpr std::chrono::seconds kReadTime(120);
constexpr std::chrono::seconds kWriteTime(60);
// While an answer is delayed, how often to see whether the client is there.
constexpr std::chrono::milliseconds kLookInterval(200);
constexpr uint32_t kHeaderLimit = 64 << 10;
constexpr uint64_t kBodyLimit = 8 << 20;

absl::string_view View(beast::string_view text) {
  return absl::string_view(text.data(), text.size());
}

// The status line, headers and as much of the body as is to be sent.
std::string Serialize(const HttpReply& reply, bool close) {
  std::string out = absl::StrCat(
      "HTTP/1.1 ", reply.status, " ",
      View(bhttp::obsolete_reason(bhttp::int_to_status(reply.status))), "\r\n");
  if (!reply.content_type.empty())
    absl::StrAppend(&out, "Content-Type: ", reply.content_type, "\r\n");
  for (const auto& [name, value] : reply.headers)
    absl::StrAppend(&out, name, ": ", value, "\r\n");
  if (close) absl::StrAppend(&out, "Connection: close\r\n");
  absl::StrAppend(&out, "Content-Length: ", reply.body.size(), "\r\n\r\n");
  absl::StrAppend(&out,
                  absl::string_view(reply.body)
                      .substr(0, reply.cut_after.value_or(reply.body.size())));
  return out;
}

// One connection. It lives in the handlers of what it waits for, one at a time.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, ssl::context& context, Simulator& simulator)
      : stream_(std::move(socket), context),
        timer_(stream_.get_executor()),
        simulator_(simulator) {
    error_code error;
    Socket().set_option(tcp::no_delay(true), error);
    const tcp::endpoint peer = Socket().remote_endpoint(error);
    if (!error) client_ip_ = PlainAddress(peer.address());
  }

  void Start() {
    Lowest().expires_after(kHandshakeTime);
    stream_.async_handshake(ssl::stream_base::server,
                            [self = shared_from_this()](error_code error) {
                              if (!error) self->ReadHeader();
                            });
  }

 private:
  // An IPv4 client of a dual-stack listener looks like one of an IPv4 listener.
  static std::string PlainAddress(const net::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped())
      return net::ip::make_address_v4(net::ip::v4_mapped, address.to_v6())
          .to_string();
    return address.to_string();
  }

  beast::tcp_stream& Lowest() { return stream_.next_layer(); }
  tcp::socket& Socket() { return Lowest().socket(); }

  void ReadHeader() {
    parser_.emplace();
    parser_->header_limit(kHeaderLimit);
    parser_->body_limit(kBodyLimit);
    Lowest().expires_after(kReadTime);
    bhttp::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, size_t) {
          self->OnHeader(error);
        });
  }

  void OnHeader(error_code error) {
    if (error == bhttp::error::body_limit) return Refuse(413);
    if (error &&
        error.category() ==
            bhttp::make_error_code(bhttp::error::bad_method).category() &&
        error != bhttp::error::end_of_stream &&
        error != bhttp::error::partial_message)
      return Refuse(400);
    if (error) return;
    if (beast::iequals(parser_->get()[bhttp::field::expect], "100-continue")) {
      out_ = "HTTP/1.1 100 Continue\r\n\r\n";
      net::async_write(stream_, net::buffer(out_),
                       [self = shared_from_this()](error_code error, size_t) {
                         if (!error) self->ReadBody();
                       });
      return;
    }
    ReadBody();
  }

  void ReadBody() {
    bhttp::async_read(stream_, buffer_, *parser_,
                      [self = shared_from_this()](error_code error, size_t) {
                        self->OnRequest(error);
                      });
  }

  void OnRequest(error_code error) {
    if (error == bhttp::error::body_limit) return Refuse(413);
    if (error) return;
    auto& message = parser_->get();
    HttpRequest request;
    request.method = std::string(View(message.method_string()));
    const std::pair<absl::string_view, absl::string_view> target = [&message] {
      absl::string_view text = View(message.target());
      text = text.substr(0, text.find('#'));
      const size_t mark = text.find('?');
      return std::pair(text.substr(0, mark), mark == absl::string_view::npos
                                                 ? absl::string_view()
                                                 : text.substr(mark + 1));
    }();
    request.path = std::string(target.first);
    request.query = ParseQuery(target.second);
    request.has_content_length =
        message.find(bhttp::field::content_length) != message.end();
    request.cookies = std::string(View(message[bhttp::field::cookie]));
    request.body = std::move(message.body());
    request.client_ip = client_ip_;
    close_ = !message.keep_alive();

    call_ = simulator_.Begin(std::move(request));
    Wait(call_.wait, &Session::OnTurn, /*before_effect=*/true);
  }

  void OnTurn() {
    reply_ = simulator_.Finish(std::move(call_));
    Wait(reply_.delay, &Session::Send, /*before_effect=*/false);
  }

  // Goes on with `next` after `duration`, unless the client leaves meanwhile.
  void Wait(absl::Duration duration, void (Session::*next)(),
            bool before_effect) {
    if (duration <= absl::ZeroDuration()) return (this->*next)();
    Lowest().expires_never();
    const absl::Duration step =
        std::min(duration, absl::FromChrono(kLookInterval));
    timer_.expires_after(absl::ToChronoNanoseconds(step));
    timer_.async_wait([self = shared_from_this(), left = duration - step, next,
                       before_effect](error_code error) {
      if (error) return;
      if (!self->ClientIsThere()) {
        if (before_effect) self->simulator_.Abandon(self->call_);
        return;
      }
      self->Wait(left, next, before_effect);
    });
  }

  // A half-closed connection counts as gone: over TLS nobody waits for an
  // answer on one.
  bool ClientIsThere() {
    tcp_info info{};
    socklen_t size = sizeof(info);
    return getsockopt(Socket().native_handle(), IPPROTO_TCP, TCP_INFO, &info,
                      &size) == 0 &&
           info.tcpi_state == TCP_ESTABLISHED;
  }

  void Send() {
    if (reply_.reset) return Reset();
    close_ = close_ || reply_.cut_after.has_value();
    out_ = Serialize(reply_, close_ && !reply_.cut_after.has_value());
    Lowest().expires_after(kWriteTime);
    net::async_write(stream_, net::buffer(out_),
                     [self = shared_from_this()](error_code error, size_t) {
                       if (!error) self->OnSent();
                     });
  }

  void OnSent() {
    if (!close_) return ReadHeader();
    if (reply_.cut_after.has_value()) {
      error_code ignored;
      Socket().shutdown(tcp::socket::shutdown_send, ignored);
      return;
    }
    stream_.async_shutdown([self = shared_from_this()](error_code) {});
  }

  // What is no HTTP, or too much of it.
  void Refuse(int status) {
    reply_ = {};
    reply_.status = status;
    close_ = true;
    Send();
  }

  // Closing with SO_LINGER 0 sends RST instead of FIN.
  void Reset() {
    error_code ignored;
    Socket().set_option(net::socket_base::linger(true, 0), ignored);
    Socket().close(ignored);
  }

  beast::ssl_stream<beast::tcp_stream> stream_;
  net::steady_timer timer_;
  Simulator& simulator_;
  std::string client_ip_;
  beast::flat_buffer buffer_;
  std::optional<bhttp::request_parser<bhttp::string_body>> parser_;
  Simulator::Call call_;
  HttpReply reply_;
  std::string out_;
  bool close_ = false;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const Options& options, Simulator& simulator)
      : context_(ssl::context::tls_server),
        io_(1),
        acceptor_(io_),
        retry_(io_),
        simulator_(simulator) {
    context_.set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
    context_.use_certificate_chain(net::buffer(options.certificate));
    context_.use_private_key(net::buffer(options.private_key),
                             ssl::context::pem);
    const tcp::endpoint endpoint(
        net::ip::make_address(options.host == "localhost" ? "127.0.0.1"
                                                          : options.host),
        options.port);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(net::socket_base::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen();
    port_ = acceptor_.local_endpoint().port();
    Accept();
    thread_ = std::thread([this] { io_.run(); });
  }

  ~Impl() {
    io_.stop();
    thread_.join();
  }

  uint16_t port() const { return port_; }

 private:
  void Accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (!error) {
        std::make_shared<Session>(std::move(socket), context_, simulator_)
            ->Start();
        return Accept();
      }
      // Most likely no file descriptor is free; some will be.
      Log(LogLevel::kWarning, "accept failed", {{"error", error.message()}});
      retry_.expires_after(std::chrono::milliseconds(100));
      retry_.async_wait([this](error_code) { Accept(); });
    });
  }

  // Before io_, whose destructor destroys the sessions that use it.
  ssl::context context_;
  net::io_context io_;
  tcp::acceptor acceptor_;
  net::steady_timer retry_;
  Simulator& simulator_;
  uint16_t port_ = 0;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const Options& options, Simulator& simulator) {
  try {
    return std::unique_ptr<HttpServer>(
        new HttpServer(std::make_unique<Impl>(options, simulator)));
  } catch (const boost::system::system_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot serve on ", options.host, ":", options.port, ": ",
                     error.code().message(),
                     "; give --listen an address of this machine and a free "
                     "port, or port 0"));
  }
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

uint16_t HttpServer::port() const { return impl_->port(); }

}  // namespace wxident::simulator

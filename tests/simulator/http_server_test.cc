#include "simulator/http_server.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "simulator/certificates.h"
#include "tests/base/fake_clock.h"

namespace wxident::simulator {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kBad[] = "/sns/jscode2session";

// One keep-alive HTTPS client that trusts the simulator's CA only.
class Client {
 public:
  Client(const std::string& base, const std::string& ca)
      : base_(base), curl_(curl_easy_init()) {
    curl_blob blob{const_cast<char*>(ca.data()), ca.size(), CURL_BLOB_COPY};
    curl_easy_setopt(curl_, CURLOPT_CAINFO_BLOB, &blob);
    curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl_, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl_, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, Append);
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &body);
  }
  ~Client() { curl_easy_cleanup(curl_); }

  CURLcode Get(const std::string& target) {
    curl_easy_setopt(curl_, CURLOPT_HTTPGET, 1L);
    return Run(target);
  }
  CURLcode Post(const std::string& target, const std::string& text) {
    curl_easy_setopt(curl_, CURLOPT_COPYPOSTFIELDS, text.c_str());
    return Run(target);
  }

  CURL* curl() { return curl_; }

  std::string body;
  long status = 0;

 private:
  static size_t Append(char* data, size_t size, size_t count, void* out) {
    static_cast<std::string*>(out)->append(data, size * count);
    return size * count;
  }

  CURLcode Run(const std::string& target) {
    body.clear();
    curl_easy_setopt(curl_, CURLOPT_URL, (base_ + target).c_str());
    const CURLcode result = curl_easy_perform(curl_);
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    return result;
  }

  const std::string base_;
  CURL* curl_;
};

// One TLS connection on which the test writes what it likes.
class RawConnection {
 public:
  explicit RawConnection(uint16_t port)
      : fd_(socket(AF_INET, SOCK_STREAM, 0)),
        context_(SSL_CTX_new(TLS_client_method())),
        ssl_(SSL_new(context_)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(
        connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
        0);
    SSL_set_fd(ssl_, fd_);
    EXPECT_EQ(SSL_connect(ssl_), 1);
  }
  ~RawConnection() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    close(fd_);
  }

  void Write(const std::string& text) {
    EXPECT_EQ(SSL_write(ssl_, text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
  }

  // Reads until the text has come or nothing more does.
  std::string ReadUntil(const std::string& end) {
    std::string out;
    char buffer[4096];
    while (!absl::StrContains(out, end)) {
      errno = 0;
      const int size = SSL_read(ssl_, buffer, sizeof(buffer));
      error_ = size > 0 ? 0 : errno;
      if (size <= 0) break;
      out.append(buffer, static_cast<size_t>(size));
    }
    return out;
  }
  std::string ReadToEnd() { return ReadUntil("\x01 never sent"); }

  // errno of the last read that gave nothing.
  int error() const { return error_; }

 private:
  int fd_;
  SSL_CTX* context_;
  SSL* ssl_;
  int error_ = 0;
};

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    Config config;
    App& app = config.apps["wx1"];
    app.app_id = "wx1";
    app.secret = "secret";
    simulator_ = std::make_unique<Simulator>(config, clock_);
    const auto certificates = MakeCertificates(absl::Now());
    ca_ = certificates->ca;
    auto server = HttpServer::Start(
        {"127.0.0.1", 0, certificates->server, certificates->server_key},
        *simulator_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    url_ = absl::StrCat("https://127.0.0.1:", server_->port());
  }

  void AddFault(const std::string& rule) {
    Client control(url_, ca_);
    ASSERT_EQ(control.Post("/_sim/faults", rule), CURLE_OK);
    ASSERT_EQ(control.status, 200) << control.body;
  }
  Json Journal() {
    Client control(url_, ca_);
    EXPECT_EQ(control.Get("/_sim/journal"), CURLE_OK);
    return ParseJson(control.body).value_or(Json());
  }

  FakeClock clock_;
  std::string ca_;
  std::string url_;
  std::unique_ptr<Simulator> simulator_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, ServesALoginOverOneConnection) {
  Client client(url_, ca_);
  ASSERT_EQ(client.Post("/_sim/login_code", R"({"app_id":"wx1","user":"a"})"),
            CURLE_OK);
  const std::string code = ParseJson(client.body).value()["code"];
  const std::string target =
      absl::StrCat("/sns/jscode2session?appid=wx1&secret=secret&js_code=", code,
                   "&grant_type=authorization_code");
  ASSERT_EQ(client.Get(target), CURLE_OK);
  EXPECT_EQ(client.status, 200);
  EXPECT_TRUE(ParseJson(client.body).value().contains("openid"));
  const char* type = nullptr;
  curl_easy_getinfo(client.curl(), CURLINFO_CONTENT_TYPE, &type);
  EXPECT_STREQ(type, "text/plain");
  ASSERT_EQ(client.Get(target), CURLE_OK);
  EXPECT_EQ(ParseJson(client.body).value()["errcode"], 40163);
  long connects = -1;
  curl_easy_getinfo(client.curl(), CURLINFO_NUM_CONNECTS, &connects);
  EXPECT_EQ(connects, 0);
}

TEST_F(HttpServerTest, IsVouchedForByItsOwnCaOnly) {
  const auto other = MakeCertificates(absl::Now());
  Client stranger(url_, other->ca);
  EXPECT_EQ(stranger.Get("/_sim/state"), CURLE_PEER_FAILED_VERIFICATION);
}

TEST_F(HttpServerTest, Answers412ToChunkedAndLengthlessPosts) {
  const std::string head = "POST /cgi-bin/stable_token HTTP/1.1\r\nHost: x\r\n";
  for (const std::string& rest :
       {std::string("\r\n"),
        std::string(
            "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")}) {
    RawConnection connection(server_->port());
    connection.Write(head + rest);
    const std::string answer = connection.ReadUntil("\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 412 "));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 0\r\n"));
    // The connection goes on.
    connection.Write("GET /cgi-bin/token HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(connection.ReadUntil("errcode"), StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(HttpServerTest, CutsWithAContentLengthThatIsNotKept) {
  AddFault(R"({"path":"/sns/jscode2session","cut_after":5})");
  RawConnection connection(server_->port());
  connection.Write("GET /sns/jscode2session HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = connection.ReadToEnd();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 7"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n{\"err"));
  Client client(url_, ca_);
  EXPECT_EQ(client.Get(kBad), CURLE_PARTIAL_FILE);
}

TEST_F(HttpServerTest, ResetsTheConnection) {
  AddFault(R"({"path":"/sns/jscode2session","reset":true})");
  RawConnection connection(server_->port());
  connection.Write("GET /sns/jscode2session HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(connection.ReadToEnd(), "");
  EXPECT_EQ(connection.error(), ECONNRESET);
}

TEST_F(HttpServerTest, DelaysManyAnswersAtOnceOnOneThread) {
  AddFault(R"({"path":"/cgi-bin/token","latency_ms":300})");
  const absl::Time start = absl::Now();
  std::vector<std::thread> threads;
  std::atomic<int> answered{0};
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&] {
      Client client(url_, ca_);
      if (client.Get("/cgi-bin/token") == CURLE_OK && client.status == 200)
        ++answered;
    });
  }
  // Not held up by those that wait.
  Client other(url_, ca_);
  EXPECT_EQ(other.Get("/_sim/state"), CURLE_OK);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 20);
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(300));
  // One after the other they would take six seconds.
  EXPECT_LT(absl::Now() - start, absl::Seconds(4));
}

TEST_F(HttpServerTest, NoticesAClientThatDoesNotWait) {
  AddFault(R"({"path":"/sns/jscode2session","latency_ms":3600000})");
  {
    RawConnection connection(server_->port());
    connection.Write("GET /sns/jscode2session HTTP/1.1\r\nHost: x\r\n\r\n");
    while (Journal()["count"] == 0) std::this_thread::yield();
  }
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (Journal()["calls"][0]["outcome"] != "client gone") {
    ASSERT_LT(absl::Now(), deadline);
    std::this_thread::yield();
  }
}

TEST_F(HttpServerTest, RefusesWhatIsNoHttpOrTooMuch) {
  {
    RawConnection connection(server_->port());
    connection.Write("what is this\r\n\r\n");
    EXPECT_THAT(connection.ReadToEnd(), StartsWith("HTTP/1.1 400 "));
  }
  RawConnection connection(server_->port());
  connection.Write(
      "POST /cgi-bin/stable_token HTTP/1.1\r\nHost: x\r\n"
      "Content-Length: 9000000\r\n\r\n");
  EXPECT_THAT(connection.ReadToEnd(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, TellsTheClientToGoOnWithALargeBody) {
  RawConnection connection(server_->port());
  connection.Write(
      "POST /cgi-bin/stable_token HTTP/1.1\r\nHost: x\r\n"
      "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(connection.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 100 "));
  connection.Write("{}");
  EXPECT_THAT(connection.ReadUntil("errmsg"), HasSubstr("41002"));
}

TEST_F(HttpServerTest, StopsWithCallsUnderWay) {
  AddFault(R"({"path":"/sns/jscode2session","latency_ms":3600000})");
  RawConnection connection(server_->port());
  connection.Write("GET /sns/jscode2session HTTP/1.1\r\nHost: x\r\n\r\n");
  while (Journal()["count"] == 0) std::this_thread::yield();
  server_.reset();
  EXPECT_EQ(connection.ReadToEnd(), "");
}

TEST_F(HttpServerTest, NamesAnAddressThatIsTaken) {
  const auto certificates = MakeCertificates(absl::Now());
  const auto second =
      HttpServer::Start({"127.0.0.1", server_->port(), certificates->server,
                         certificates->server_key},
                        *simulator_);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(absl::StrCat("127.0.0.1:", server_->port())));
}

}  // namespace
}  // namespace wxident::simulator

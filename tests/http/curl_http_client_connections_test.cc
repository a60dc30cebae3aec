#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/clock.h"
#include "server/crypto/secret.h"
#include "server/http/curl_http_client.h"
#include "server/http/http_client.h"
#include "tests/http/curl_http_client_fixture.h"
#include "tests/http/tls_server.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(CurlHttpClientTest, RefusesBadCertificates) {
  for (TlsServer::Certificate certificate :
       {TlsServer::Certificate::kExpired, TlsServer::Certificate::kWrongName,
        TlsServer::Certificate::kUnknownCa}) {
    TlsServer::Options options;
    options.certificate = certificate;
    std::atomic<int> requests{0};
    TlsServer server(options, [&](TlsServer::Connection& connection) {
      if (connection.ReadRequest().has_value()) ++requests;
    });
    auto client = NewClient(server.ca_file());
    const absl::Status status = Fetch(*client, Get(server.url())).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_TRUE(NothingSent(status)) << status;
    EXPECT_EQ(requests, 0);
  }
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("{endpoint=\"ping\",outcome=\"tls\"} 3"));
}

TEST_F(CurlHttpClientTest, TheSystemsCasDoNotCountBesidesTheFile) {
  TlsServer server(Count);
  TlsServer other(Count);
  auto client = NewClient(other.ca_file());
  const absl::Status status = Fetch(*client, Get(server.url())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_TRUE(NothingSent(status)) << status;
}

TEST_F(CurlHttpClientTest, RefusesOldTls) {
  TlsServer::Options options;
  options.max_tls_version = TLS1_1_VERSION;
  TlsServer server(options, Count);
  auto client = NewClient(server.ca_file());
  const absl::Status status = Fetch(*client, Get(server.url())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_TRUE(NothingSent(status)) << status;
}

TEST_F(CurlHttpClientTest, RefusesWhatIsNotHttps) {
  TlsServer server(Count);
  auto client = NewClient(server.ca_file());
  for (const std::string& base :
       {absl::StrCat("http://127.0.0.1:", server.port()),
        std::string("file:///etc"), std::string("no url"), std::string()}) {
    const absl::Status status = Fetch(*client, Get(base)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << base;
    EXPECT_TRUE(NothingSent(status)) << base;
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(CurlHttpClientTest, ARefusedConnectionMeansNothingSent) {
  // A port that is bound and does not listen refuses.
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  auto client = NewClient("");
  const std::string base =
      absl::StrCat("https://127.0.0.1:", ntohs(address.sin_port));
  const absl::Status status = Fetch(*client, Get(base)).status();
  close(fd);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_TRUE(NothingSent(status)) << status;
}

TEST_F(CurlHttpClientTest, AResetAfterTheRequestMeansSent) {
  TlsServer server([](TlsServer::Connection& connection) {
    connection.ReadRequest();
    connection.Reset();
  });
  auto client = NewClient(server.ca_file());
  const absl::Status status = Fetch(*client, Get(server.url())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_FALSE(NothingSent(status)) << status;
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(CurlHttpClientTest, AnAnswerThatIsCutIsNoAnswer) {
  const std::string whole =
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    TlsServer server([&](TlsServer::Connection& connection) {
      connection.ReadRequest();
      connection.Write(whole.substr(0, cut));
      connection.Reset();
    });
    auto client = NewClient(server.ca_file());
    const absl::Status status = Fetch(*client, Get(server.url())).status();
    // A reset may take along what was written before it.
    EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsDataLoss(status))
        << cut << status;
    EXPECT_FALSE(NothingSent(status)) << cut;
  }
}

TEST_F(CurlHttpClientTest, OneThatBrokeOffHasBegun) {
  for (const auto& [told, code] :
       {std::pair{"", absl::StatusCode::kUnavailable},
        {"HTTP/1.1 20", absl::StatusCode::kUnavailable},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123",
         absl::StatusCode::kDataLoss},
        {"HTTP/1.1 502 No\r\nTransfer-Encoding: chunked\r\n\r\n",
         absl::StatusCode::kDataLoss}}) {
    TlsServer server([&, text = told](TlsServer::Connection& connection) {
      connection.ReadRequest();
      connection.Write(text);
      connection.Close();
    });
    auto client = NewClient(server.ca_file());
    const absl::Status status = Fetch(*client, Get(server.url())).status();
    EXPECT_EQ(status.code(), code) << told << status;
    EXPECT_FALSE(NothingSent(status)) << told;
  }
}

// What libcurl would do by itself: a request on a reused connection that dies
// without an answer goes out again on a new one.
class ReuseTest : public CurlHttpClientTest {
 protected:
  enum class Ending { kClose, kReset };

  // The first request on each connection is answered; the connection ends after
  // it has read the second.
  void Run(Ending ending, HttpRequest::Method method) {
    std::mutex mutex;
    std::vector<std::string> seen;
    TlsServer server([&](TlsServer::Connection& connection) {
      for (int i = 0; i < 2; ++i) {
        std::optional<std::string> request = connection.ReadRequest();
        if (!request.has_value()) return;
        {
          std::lock_guard<std::mutex> lock(mutex);
          seen.push_back(request->substr(0, request->find(' ', 5)));
        }
        if (i == 0) connection.Answer("first");
      }
      if (ending == Ending::kReset) connection.Reset();
    });
    auto client = NewClient(server.ca_file());
    ASSERT_TRUE(Fetch(*client, Get(server.url())).ok());
    HttpRequest again = Get(server.url());
    again.url = Secret(absl::StrCat(server.url(), "/second"));
    again.method = method;
    if (method == HttpRequest::Method::kPost) again.body = Secret("{}");
    const absl::Status status = Fetch(*client, std::move(again)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_FALSE(NothingSent(status)) << status;
    std::lock_guard<std::mutex> lock(mutex);
    EXPECT_THAT(seen, ElementsAre("GET /path?secret=" + std::string(kCanary),
                                  method == HttpRequest::Method::kPost
                                      ? "POST /second"
                                      : "GET /second"));
  }
};

TEST_F(ReuseTest, AGetThatMeetsACloseIsSentOnce) {
  Run(Ending::kClose, HttpRequest::Method::kGet);
}
TEST_F(ReuseTest, AGetThatMeetsAResetIsSentOnce) {
  Run(Ending::kReset, HttpRequest::Method::kGet);
}
TEST_F(ReuseTest, APostThatMeetsACloseIsSentOnce) {
  Run(Ending::kClose, HttpRequest::Method::kPost);
}
TEST_F(ReuseTest, APostThatMeetsAResetIsSentOnce) {
  Run(Ending::kReset, HttpRequest::Method::kPost);
}

TEST_F(CurlHttpClientTest, AConnectionClosedWhileIdleIsNotMissed) {
  std::promise<void> closed;
  std::atomic<int> served{0};
  TlsServer server([&](TlsServer::Connection& connection) {
    if (!connection.ReadRequest().has_value()) return;
    connection.Answer("once");
    if (served++ == 0) {
      connection.Close();
      closed.set_value();
    }
  });
  auto client = NewClient(server.ca_file());
  ASSERT_TRUE(Fetch(*client, Get(server.url())).ok());
  closed.get_future().wait();
  const absl::Status status = Fetch(*client, Get(server.url())).status();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(CurlHttpClientTest, WantsACaFileThatHoldsOne) {
  const std::string empty =
      absl::StrCat(std::getenv("TEST_TMPDIR"), "/not-a-ca.pem");
  std::ofstream(empty) << "nothing";
  for (const std::string& path : {empty, std::string("/no/such/file")}) {
    options_.ca_file = path;
    const absl::Status status =
        CurlHttpClient::Create(options_, SystemClock(), metrics_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }
}

}  // namespace
}  // namespace wxident

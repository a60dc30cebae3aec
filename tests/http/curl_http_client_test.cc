#include "server/http/curl_http_client.h"

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/crypto/secret.h"
#include "server/http/http_client.h"
#include "tests/http/curl_http_client_fixture.h"
#include "tests/http/tls_server.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(CurlHttpClientTest, SendsAGetAsItIs) {
  std::string seen;
  TlsServer server([&](TlsServer::Connection& connection) {
    seen = connection.ReadRequest().value_or("");
    connection.Answer("");
  });
  auto client = NewClient(server.ca_file());
  ASSERT_TRUE(Fetch(*client, Get(server.url())).ok());
  EXPECT_THAT(seen, StartsWith(absl::StrCat("GET /path?secret=", kCanary,
                                            " HTTP/1.1\r\n")));
  EXPECT_THAT(seen, Not(HasSubstr("Accept-Encoding")));
}

TEST_F(CurlHttpClientTest, PostsWithLengthAndWithoutExpect) {
  std::string seen;
  TlsServer server([&](TlsServer::Connection& connection) {
    seen = connection.ReadRequest().value_or("");
    connection.Answer("{}");
  });
  auto client = NewClient(server.ca_file());
  HttpRequest request = Get(server.url());
  request.method = HttpRequest::Method::kPost;
  // Over 1 MiB libcurl would ask "Expect: 100-continue" by itself.
  const std::string body(1200 * 1024, 'x');
  request.body = Secret(body);
  ASSERT_TRUE(Fetch(*client, std::move(request)).ok());
  EXPECT_THAT(seen, StartsWith("POST /path"));
  EXPECT_THAT(seen, HasSubstr(absl::StrCat("Content-Length: ", body.size())));
  EXPECT_THAT(seen, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(seen.substr(0, 500), Not(HasSubstr("Expect")));
  EXPECT_THAT(seen.substr(0, 500), Not(HasSubstr("Transfer-Encoding")));
  EXPECT_TRUE(absl::EndsWith(seen, body));
}

TEST_F(CurlHttpClientTest, AnEmptyPostHasALengthToo) {
  std::string seen;
  TlsServer server([&](TlsServer::Connection& connection) {
    seen = connection.ReadRequest().value_or("");
    connection.Answer("{}");
  });
  auto client = NewClient(server.ca_file());
  HttpRequest request = Get(server.url());
  request.method = HttpRequest::Method::kPost;
  ASSERT_TRUE(Fetch(*client, std::move(request)).ok());
  EXPECT_THAT(seen, HasSubstr("Content-Length: 0\r\n"));
}

TEST_F(CurlHttpClientTest, AnyHttpStatusIsAnAnswer) {
  TlsServer server([](TlsServer::Connection& connection) {
    connection.ReadRequest();
    connection.Write("HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n");
  });
  auto client = NewClient(server.ca_file());
  absl::StatusOr<HttpResponse> response = Fetch(*client, Get(server.url()));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 412);
}

TEST_F(CurlHttpClientTest, TellsTheDateOfAnAnswer) {
  const struct {
    const char* header;
    std::optional<absl::Time> date;
  } cases[] = {
      {"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
       absl::FromUnixSeconds(784111777)},
      {"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
       absl::FromUnixSeconds(784111777)},
      {"Date: yesterday or so\r\n", std::nullopt},
      {"Date: \r\n", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& [header, date] : cases) {
    TlsServer server([header = header](TlsServer::Connection& connection) {
      connection.ReadRequest();
      connection.Write(absl::StrCat("HTTP/1.1 200 OK\r\n", header,
                                    "Content-Length: 0\r\n\r\n"));
    });
    auto client = NewClient(server.ca_file());
    const absl::StatusOr<HttpResponse> response =
        Fetch(*client, Get(server.url()));
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->date, date) << header;
  }
}

TEST_F(CurlHttpClientTest, TakesABodyOfTheLimit) {
  options_.max_body = 1000;
  TlsServer server([](TlsServer::Connection& connection) {
    connection.ReadRequest();
    connection.Answer(std::string(1000, 'x'));
  });
  auto client = NewClient(server.ca_file());
  absl::StatusOr<HttpResponse> response = Fetch(*client, Get(server.url()));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body.size(), 1000u);
}

TEST_F(CurlHttpClientTest, RefusesAnAnswerOverTheLimit) {
  options_.max_body = 1000;
  const std::vector<std::string> answers = {
      absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
                   std::string(1001, 'x')),
      // Chunked, so that nobody knows the size in advance.
      absl::StrCat("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                   "200\r\n", std::string(512, 'x'), "\r\n200\r\n",
                   std::string(512, 'x'), "\r\n0\r\n\r\n"),
      // Headers without end.
      absl::StrCat("HTTP/1.1 200 OK\r\nX-Pad: ", std::string(2000, 'x'),
                   "\r\nContent-Length: 0\r\n\r\n"),
  };
  for (const std::string& answer : answers) {
    TlsServer server([&](TlsServer::Connection& connection) {
      connection.ReadRequest();
      connection.Write(answer);
      connection.WaitForEnd();
    });
    auto client = NewClient(server.ca_file());
    const absl::Status status = Fetch(*client, Get(server.url())).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_FALSE(NothingSent(status));
  }
}

TEST_F(CurlHttpClientTest, LeavesCompressedBodiesAlone) {
  TlsServer server([](TlsServer::Connection& connection) {
    connection.ReadRequest();
    connection.Write(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n"
        "\r\nabcd");
  });
  auto client = NewClient(server.ca_file());
  absl::StatusOr<HttpResponse> response = Fetch(*client, Get(server.url()));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "abcd");
}

TEST_F(CurlHttpClientTest, FollowsNoRedirect) {
  TlsServer target(Count);
  TlsServer server([&](TlsServer::Connection& connection) {
    connection.ReadRequest();
    connection.Write(
        absl::StrCat("HTTP/1.1 302 Found\r\nLocation: ", target.url(),
                     "/\r\nContent-Length: 0\r\n\r\n"));
  });
  auto client = NewClient(server.ca_file());
  absl::StatusOr<HttpResponse> response = Fetch(*client, Get(server.url()));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(target.connections(), 0);
}

TEST_F(CurlHttpClientTest, IgnoresTheProxyEnvironment) {
  TlsServer proxy(Count);
  TlsServer server(Count);
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy"})
    setenv(name, absl::StrCat("http://127.0.0.1:", proxy.port()).c_str(), 1);
  auto client = NewClient(server.ca_file());
  const absl::Status status = Fetch(*client, Get(server.url())).status();
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy"})
    unsetenv(name);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(proxy.connections(), 0);
}

}  // namespace
}  // namespace wxident

#include "server/http/curl_http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/http/tls_server.h"

namespace wxident {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Stands in every URL and body; must never be seen.
constexpr char kCanary[] = "canary7f3a";

class CurlHttpClientTest : public ::testing::Test {
 protected:
  std::unique_ptr<CurlHttpClient> NewClient(const std::string& ca_file) {
    options_.ca_file = ca_file;
    auto client = CurlHttpClient::Create(options_, SystemClock(), metrics_);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  HttpRequest Get(const std::string& base,
                  absl::Duration left = absl::Seconds(20)) {
    return HttpRequest{HttpRequest::Method::kGet,
                       Secret(absl::StrCat(base, "/path?secret=", kCanary)),
                       Secret(), "ping", Deadline::After(left, SystemClock())};
  }

  static std::future<absl::StatusOr<HttpResponse>> Start(HttpClient& client,
                                                         HttpRequest request) {
    auto promise =
        std::make_shared<std::promise<absl::StatusOr<HttpResponse>>>();
    std::future<absl::StatusOr<HttpResponse>> future = promise->get_future();
    client.Send(std::move(request),
                [promise](absl::StatusOr<HttpResponse> response) mutable {
                  promise->set_value(std::move(response));
                });
    return future;
  }

  static absl::StatusOr<HttpResponse> Fetch(HttpClient& client,
                                            HttpRequest request) {
    absl::StatusOr<HttpResponse> response =
        Start(client, std::move(request)).get();
    EXPECT_THAT(std::string(response.status().message()),
                Not(HasSubstr(kCanary)));
    return response;
  }

  void TearDown() override {
    EXPECT_THAT(metrics_.Text(), Not(HasSubstr(kCanary)));
  }

  CurlHttpClient::Options options_;
  Metrics metrics_;
};

// Reads requests and answers each with its number on the connection.
void Count(TlsServer::Connection& connection) {
  for (int i = 1; connection.ReadRequest().has_value(); ++i)
    connection.Answer(absl::StrCat("answer ", i));
}

TEST_F(CurlHttpClientTest, ReusesAConnection) {
  TlsServer server(Count);
  auto client = NewClient(server.ca_file());
  for (int i = 1; i <= 5; ++i) {
    absl::StatusOr<HttpResponse> response = Fetch(*client, Get(server.url()));
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, absl::StrCat("answer ", i));
  }
  EXPECT_EQ(server.connections(), 1);
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("wxident_wechat_request_seconds_count{endpoint=\"ping\""
                        ",outcome=\"ok\"} 5"));
}

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

TEST_F(CurlHttpClientTest, AStalledHandshakeEndsAtTheConnectTimeout) {
  options_.connect_timeout = absl::Milliseconds(100);
  TlsServer::Options options;
  options.stall_handshake = true;
  TlsServer server(options, Count);
  auto client = NewClient(server.ca_file());
  const absl::Status status = Fetch(*client, Get(server.url())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_TRUE(NothingSent(status)) << status;
}

TEST_F(CurlHttpClientTest, ConnectingLeavesHalfOfAShortDeadline) {
  TlsServer::Options options;
  options.stall_handshake = true;
  TlsServer server(options, Count);
  auto client = NewClient(server.ca_file());
  const Deadline deadline =
      Deadline::After(absl::Milliseconds(600), SystemClock());
  HttpRequest request = Get(server.url());
  request.deadline = deadline;
  const absl::Status status = Fetch(*client, std::move(request)).status();
  EXPECT_FALSE(deadline.Passed(SystemClock()));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_TRUE(NothingSent(status)) << status;
}

TEST_F(CurlHttpClientTest, ADrippingBodyEndsAtTheDeadline) {
  std::atomic<bool> stop{false};
  TlsServer server([&](TlsServer::Connection& connection) {
    connection.ReadRequest();
    connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
    while (!stop) {
      connection.Write("x");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  auto client = NewClient(server.ca_file());
  const Deadline deadline =
      Deadline::After(absl::Milliseconds(400), SystemClock());
  HttpRequest request = Get(server.url());
  request.deadline = deadline;
  const absl::Status status = Fetch(*client, std::move(request)).status();
  const absl::Duration late = -deadline.Left(SystemClock());
  stop = true;
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_FALSE(NothingSent(status)) << status;
  // libcurl's timer may ring up to a millisecond early.
  EXPECT_GE(late, -absl::Milliseconds(1));
  EXPECT_LT(late, absl::Seconds(5));
}

TEST_F(CurlHttpClientTest, ASilentServerEndsAtTheDeadline) {
  TlsServer server([](TlsServer::Connection& connection) {
    connection.ReadRequest();
    connection.WaitForEnd();
  });
  auto client = NewClient(server.ca_file());
  const absl::Status status =
      Fetch(*client, Get(server.url(), absl::Milliseconds(300))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_FALSE(NothingSent(status)) << status;
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
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << cut << status;
    EXPECT_FALSE(NothingSent(status)) << cut;
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

TEST_F(CurlHttpClientTest, AFullQueueRefuses) {
  options_.queue_limit = 2;
  options_.max_connections_per_host = 1;
  TlsServer server([](TlsServer::Connection& connection) {
    connection.ReadRequest();
    connection.WaitForEnd();
  });
  auto client = NewClient(server.ca_file());
  auto running = Start(*client, Get(server.url()));
  ASSERT_TRUE(server.WaitForConnections(1));
  auto waiting = Start(*client, Get(server.url()));
  const absl::Status status = Fetch(*client, Get(server.url())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_TRUE(NothingSent(status)) << status;
  client.reset();
  EXPECT_TRUE(NothingSent(waiting.get().status()));
  EXPECT_FALSE(running.get().ok());
}

TEST_F(CurlHttpClientTest, AnExpiredRequestIsNotSent) {
  TlsServer server(Count);
  auto client = NewClient(server.ca_file());
  const absl::Status status =
      Fetch(*client, Get(server.url(), absl::ZeroDuration())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_TRUE(NothingSent(status)) << status;
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(CurlHttpClientTest, TheDeadlineHoldsInTheQueue) {
  options_.max_connections_per_host = 1;
  std::atomic<int> requests{0};
  TlsServer server([&](TlsServer::Connection& connection) {
    while (connection.ReadRequest().has_value()) ++requests;
  });
  auto client = NewClient(server.ca_file());
  auto running = Start(*client, Get(server.url()));
  ASSERT_TRUE(server.WaitForConnections(1));
  const absl::Status status =
      Fetch(*client, Get(server.url(), absl::Milliseconds(100))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_TRUE(NothingSent(status)) << status;
  client.reset();
  EXPECT_FALSE(running.get().ok());
  EXPECT_LE(requests, 1);
}

TEST_F(CurlHttpClientTest, KeepsToTheConnectionsAllowed) {
  options_.max_connections_per_host = 3;
  TlsServer server(Count);
  auto client = NewClient(server.ca_file());
  std::vector<std::future<absl::StatusOr<HttpResponse>>> all;
  for (int i = 0; i < 100; ++i)
    all.push_back(Start(*client, Get(server.url())));
  for (auto& one : all) EXPECT_TRUE(one.get().ok());
  EXPECT_LE(server.connections(), 3);
}

TEST_F(CurlHttpClientTest, ManyThreadsMaySendAtOnce) {
  options_.max_connections_per_host = 8;
  TlsServer server(Count);
  auto client = NewClient(server.ca_file());
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i)
        if (Start(*client, Get(server.url())).get().ok()) ++answered;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 400);
  EXPECT_LE(server.connections(), 8);
}

TEST_F(CurlHttpClientTest, TheEndAnswersEverything) {
  options_.max_connections_per_host = 2;
  std::promise<void> arrived;
  std::atomic<bool> first{true};
  TlsServer server([&](TlsServer::Connection& connection) {
    connection.ReadRequest();
    if (first.exchange(false)) arrived.set_value();
    connection.WaitForEnd();
  });
  auto client = NewClient(server.ca_file());
  std::vector<std::future<absl::StatusOr<HttpResponse>>> all;
  for (int i = 0; i < 10; ++i) all.push_back(Start(*client, Get(server.url())));
  arrived.get_future().wait();
  client.reset();
  int sent = 0;
  for (auto& one : all) {
    const absl::Status status = one.get().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    if (!NothingSent(status)) ++sent;
  }
  EXPECT_GE(sent, 1);
  EXPECT_LE(sent, 2);
}

TEST_F(CurlHttpClientTest, ADoneMaySendAgainAtTheEnd) {
  std::promise<void> arrived;
  TlsServer server([&](TlsServer::Connection& connection) {
    connection.ReadRequest();
    arrived.set_value();
    connection.WaitForEnd();
  });
  auto client = NewClient(server.ca_file());
  HttpClient& again = *client;
  std::promise<absl::Status> second;
  client->Send(Get(server.url()), [&](absl::StatusOr<HttpResponse>) {
    again.Send(Get(server.url()), [&](absl::StatusOr<HttpResponse> response) {
      second.set_value(response.status());
    });
  });
  arrived.get_future().wait();
  client.reset();
  const absl::Status status = second.get_future().get();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_TRUE(NothingSent(status)) << status;
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

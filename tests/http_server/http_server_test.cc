#include "server/http_server/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/http_server/http_server_fixture.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HttpServerTest : public HttpServerFixture {};

TEST_F(HttpServerTest, ServesMetrics) {
  metrics_.Count("wxident_things_total", {{"kind", "a"}});
  Start();
  const WebClient::Answer answer = Scrape();
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.head, HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(
      answer.head,
      HasSubstr("content-type: text/plain; version=0.0.4; charset=utf-8"));
  EXPECT_THAT(answer.body, HasSubstr("wxident_things_total{kind=\"a\"} 1\n"));
}

TEST_F(HttpServerTest, HeadTellsTheLengthAlone) {
  Start();
  WebClient client(port());
  ASSERT_TRUE(client.Send("HEAD /large HTTP/1.1\r\nhost: a\r\n\r\n"));
  const WebClient::Answer answer = client.Read(/*has_body=*/false);
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.head, HasSubstr("\r\ncontent-length: 4194304"));
  // Nothing of the body comes before the next answer.
  ASSERT_TRUE(client.Send(kGetMetrics));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(HttpServerTest, OtherPathsAndMethods) {
  Start();
  WebClient client(port());
  ASSERT_TRUE(client.Send("GET /other HTTP/1.1\r\nhost: a\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 404);
  ASSERT_TRUE(client.Send(
      "POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab"));
  const WebClient::Answer answer = client.Read();
  EXPECT_EQ(answer.status, 405);
  EXPECT_THAT(answer.head, HasSubstr("\r\nallow: GET, HEAD"));
  ASSERT_TRUE(client.Send("HEAD /echo HTTP/1.1\r\nhost: a\r\n\r\n"));
  EXPECT_EQ(client.Read(/*has_body=*/false).status, 405);
  ASSERT_TRUE(client.Send(
      "POST /echo?a=b HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab"));
  EXPECT_EQ(client.Read().body, "a=b|ab");
}

TEST_F(HttpServerTest, ABadAddressIsTold) {
  for (const char* addr : {"127.0.0.1", "127.0.0.1:notaport", "256.0.0.1:0"}) {
    const auto server = HttpServer::Start({.addr = addr}, metrics_);
    EXPECT_EQ(server.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(server.status().message(), HasSubstr(addr));
  }
  Start();
  const auto taken = HttpServer::Start({.addr = server_->addr()}, metrics_);
  EXPECT_THAT(taken.status().message(), HasSubstr("already in use"));
}

TEST_F(HttpServerTest, AConnectionMayBeUsedOnOrNot) {
  Start();
  WebClient client(port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send(kGetMetrics));
    EXPECT_THAT(client.Read().head, Not(HasSubstr("connection: close")));
  }
  ASSERT_TRUE(client.Send(
      "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"));
  EXPECT_THAT(client.Read().head, HasSubstr("\r\nconnection: close"));
  EXPECT_TRUE(client.WaitForEnd());
  WebClient older(port());
  ASSERT_TRUE(older.Send("GET /metrics HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(older.Read().status, 200);
  EXPECT_TRUE(older.WaitForEnd());
  EXPECT_TRUE(WaitForConnections(0));
  EXPECT_THAT(metrics_.Text(), Not(HasSubstr("connections_cut")));
}

TEST_F(HttpServerTest, AConnectionHasSoManyRequests) {
  Start({.connection = {.requests = 2}});
  WebClient client(port());
  ASSERT_TRUE(client.Send(absl::StrCat(kGetMetrics, kGetMetrics, kGetMetrics)));
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_THAT(client.Read().head, HasSubstr("\r\nconnection: close"));
  EXPECT_EQ(client.Read().status, 0);
}

TEST_F(HttpServerTest, RequestsInARowAreAnsweredInTheirOrder) {
  Start();
  WebClient client(port());
  constexpr int kMany = 500;
  std::string requests;
  for (int i = 0; i < kMany; ++i)
    absl::StrAppend(&requests, "POST /echo?", i,
                    " HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
  std::thread sender([&] { EXPECT_TRUE(client.Send(requests)); });
  for (int i = 0; i < kMany; ++i)
    EXPECT_EQ(client.Read().body, absl::StrCat(i, "|"));
  sender.join();
}

TEST_F(HttpServerTest, WhoHasSentAllMayEndSending) {
  Start();
  WebClient client(port());
  ASSERT_TRUE(client.Send(kGetMetrics));
  client.EndSending();
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_TRUE(client.WaitForEnd());
}

TEST_F(HttpServerTest, ABodyMayWaitUntilItIsAskedFor) {
  Start();
  WebClient client(port());
  ASSERT_TRUE(
      client.Send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n"
                  "expect: 100-continue\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 100);
  ASSERT_TRUE(client.Send("ab"));
  EXPECT_EQ(client.Read().body, "|ab");
}

TEST_F(HttpServerTest, AnswersOfOtherThreads) {
  Start();
  WebClient client(port());
  const std::string later = "GET /later HTTP/1.1\r\nhost: a\r\n\r\n";
  ASSERT_TRUE(client.Send(later + kGetMetrics));
  std::thread answerer(
      [this] { TakeLater()({.status = 503, .body = "not yet\n"}); });
  const WebClient::Answer answer = client.Read();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "not yet\n");
  EXPECT_EQ(client.Read().status, 200);
  answerer.join();
}

TEST_F(HttpServerTest, AnAnswerMayFindNobody) {
  Start();
  WebDone done;
  {
    WebClient client(port());
    ASSERT_TRUE(client.Send("GET /later HTTP/1.1\r\nhost: a\r\n\r\n"));
    done = TakeLater();
  }
  std::move(done)({});
  EXPECT_TRUE(WaitForConnections(0));
  EXPECT_EQ(Scrape().status, 200);
}

TEST_F(HttpServerTest, TheEndWaitsForHandlers) {
  Start();
  WebClient client(port());
  ASSERT_TRUE(client.Send("GET /later HTTP/1.1\r\nhost: a\r\n\r\n"));
  WebDone done = TakeLater();
  std::atomic<bool> answered{false};
  std::thread answerer([&] {
    // The end has begun.
    EXPECT_TRUE(client.WaitForEnd());
    answered = true;
    std::move(done)({});
  });
  server_.reset();
  EXPECT_TRUE(answered);
  answerer.join();
}

TEST_F(HttpServerTest, ManyClientsAtOnce) {
  Start();
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([this] {
      for (int j = 0; j < 20; ++j) EXPECT_EQ(Scrape().status, 200);
    });
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(WaitForConnections(0));
}

}  // namespace
}  // namespace wxident

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/http/http_client.h"
#include "tests/http/curl_http_client_fixture.h"
#include "tests/http/tls_server.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;

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

TEST_F(CurlHttpClientTest, AFullQueueRefuses) {
  // Of three, one endpoint gets two.
  options_.queue_limit = 3;
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
  // There is room for another one.
  HttpRequest other = Get(server.url());
  other.endpoint = "other";
  auto beside = Start(*client, std::move(other));
  client.reset();
  EXPECT_EQ(beside.get().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(NothingSent(waiting.get().status()));
  EXPECT_FALSE(running.get().ok());
}

TEST_F(CurlHttpClientTest, AnEndpointThatHangsLeavesConnectionsToTheOthers) {
  options_.max_connections_per_host = 8;
  options_.queue_limit = 64;
  std::atomic<int> hanging{0};
  TlsServer server([&](TlsServer::Connection& connection) {
    while (const auto request = connection.ReadRequest()) {
      if (absl::StrContains(*request, "/hang")) {
        ++hanging;
        connection.WaitForEnd();
        return;
      }
      connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  auto client = NewClient(server.ca_file());
  std::vector<std::future<absl::StatusOr<HttpResponse>>> hang;
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    HttpRequest request = Get(server.url() + "/hang", absl::Seconds(60));
    request.endpoint = "hang";
    auto sent = Start(*client, std::move(request));
    if (sent.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
      ++refused;
    hang.push_back(std::move(sent));
  }
  EXPECT_EQ(refused, 100 - 32);
  for (int i = 0; i < 100; ++i) {
    const absl::StatusOr<HttpResponse> answer =
        Fetch(*client, Get(server.url()));
    ASSERT_TRUE(answer.ok()) << answer.status();
  }
  EXPECT_LE(hanging, 4);
  client.reset();
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

}  // namespace
}  // namespace wxident

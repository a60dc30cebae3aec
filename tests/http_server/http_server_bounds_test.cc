// What clients of the HTTP server may not do, and what they cannot keep others
// from.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/http_server/http_server_fixture.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HttpServerBoundsTest : public HttpServerFixture {
 protected:
  // Clients that stop in the middle of their request.
  using Crowd = std::vector<std::unique_ptr<WebClient>>;
  void Join(Crowd& crowd, int count, const std::string& source) const {
    for (int i = 0; i < count; ++i) {
      crowd.push_back(std::make_unique<WebClient>(port(), source));
      EXPECT_TRUE(crowd.back()->Send(i % 2 == 0 ? kHalfARequest : ""));
    }
  }
};

TEST_F(HttpServerBoundsTest, HalfRequestsKeepNobodyOut) {
  Start();
  Crowd crowd;
  Join(crowd, 40, "127.0.0.1");
  EXPECT_EQ(Scrape().status, 200);
  EXPECT_THAT(metrics_.Text(), Not(HasSubstr("connections_cut")));
}

TEST_F(HttpServerBoundsTest, OneIpHasSoManyAndStillMoreOfThem) {
  Start();
  Crowd crowd;
  Join(crowd, 300, "127.0.0.1");
  EXPECT_EQ(Scrape().status, 200);
  EXPECT_TRUE(WaitForCut("crowd"));
  // The first of them had waited longest.
  EXPECT_TRUE(crowd.front()->WaitForEnd());
  // As many as there may be, but for the one that has left.
  EXPECT_TRUE(WaitForConnections(63));
}

TEST_F(HttpServerBoundsTest, ManyIpsKeepNobodyOut) {
  Start();
  WebClient kept(port(), "127.0.0.9");
  ASSERT_TRUE(kept.Send(kGetMetrics));
  EXPECT_EQ(kept.Read().status, 200);
  Crowd crowd;
  for (int ip = 1; ip <= 8; ++ip) Join(crowd, 60, absl::StrCat("127.0.1.", ip));
  EXPECT_EQ(Scrape().status, 200);
  // They made room for each other, and kept their hands off others.
  ASSERT_TRUE(kept.Send(kGetMetrics));
  EXPECT_EQ(kept.Read().status, 200);
}

TEST_F(HttpServerBoundsTest, WhoTakesNothingKeepsNobodyOut) {
  Start({.unsent_bytes = 8 << 20});
  Crowd crowd;
  for (int i = 0; i < 20; ++i) {
    crowd.push_back(std::make_unique<WebClient>(port(), "127.0.0.2", 4'096));
    ASSERT_TRUE(crowd.back()->Send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n"));
  }
  EXPECT_TRUE(WaitForCut("crowd"));
  WebClient reader(port());
  ASSERT_TRUE(reader.Send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n"));
  EXPECT_EQ(reader.Read().body.size(), 4 << 20);
}

TEST_F(HttpServerBoundsTest, AnAnswerMustBeTakenInTime) {
  Start({.connection = {.answer_time = absl::Milliseconds(1)}});
  WebClient client(port(), "127.0.0.1", 4'096);
  ASSERT_TRUE(client.Send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n"));
  EXPECT_TRUE(WaitForCut("unread"));
}

TEST_F(HttpServerBoundsTest, ARequestMustComeInTime) {
  Start({.connection = {.request_time = absl::Milliseconds(1)}});
  for (const std::string said :
       {kHalfARequest,
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nab"}) {
    WebClient client(port());
    ASSERT_TRUE(client.Send(said));
    EXPECT_EQ(client.Read().status, 408);
    EXPECT_TRUE(client.WaitForEnd());
  }
  EXPECT_TRUE(WaitForCut("slow"));
  WebClient silent(port());
  EXPECT_EQ(silent.Read().status, 0);
}

TEST_F(HttpServerBoundsTest, ByteByByteIsNoFasterRequest) {
  Start({.connection = {.request_time = absl::Milliseconds(100)}});
  WebClient client(port());
  ASSERT_TRUE(client.Send("GET /metrics HTTP/1.1\r\nx: "));
  while (client.Send("y")) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_TRUE(WaitForCut("slow"));
}

TEST_F(HttpServerBoundsTest, AnIdleConnectionEnds) {
  Start({.connection = {.idle_time = absl::Milliseconds(1)}});
  WebClient client(port());
  ASSERT_TRUE(client.Send(kGetMetrics));
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_TRUE(client.WaitForEnd());
  EXPECT_THAT(metrics_.Text(), Not(HasSubstr("connections_cut")));
}

struct Case {
  std::string name;
  std::string said;
  int status;
};

class HttpServerRefusalsTest : public HttpServerFixture,
                               public testing::WithParamInterface<Case> {};

TEST_P(HttpServerRefusalsTest, IsToldAndEnds) {
  Start();
  {
    WebClient client(port());
    ASSERT_TRUE(client.Send(GetParam().said));
    const WebClient::Answer answer = client.Read();
    EXPECT_EQ(answer.status, GetParam().status);
    EXPECT_THAT(answer.head, HasSubstr("\r\nconnection: close"));
    EXPECT_LT(answer.body.size(), 100);
    EXPECT_TRUE(client.WaitForEnd());
  }
  EXPECT_TRUE(WaitForCut("protocol"));
  EXPECT_EQ(Scrape().status, 200);
}

INSTANTIATE_TEST_SUITE_P(
    Refusals, HttpServerRefusalsTest,
    testing::Values(
        Case{"Tls", "\x16\x03\x01\x02\x01\x01\xfc\x03\x03", 400},
        Case{"Http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        Case{"NoHost", "GET /metrics HTTP/1.1\r\n\r\n", 400},
        Case{"LongHeader",
             "GET /metrics HTTP/1.1\r\nx: " + std::string(9'000, 'y'), 431},
        Case{"ManyFields",
             "GET /metrics HTTP/1.1\r\n" +
                 [] {
                   std::string fields;
                   for (int i = 0; i < 2'000; ++i) fields += "a: b\r\n";
                   return fields;
                 }(),
             431},
        Case{
            "LargeBody",
            "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9999999\r\n\r\n",
            413}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace wxident

#include "server/app/connection_guard.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

namespace wxident {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(20);

class ConnectionAccountTest : public testing::Test {
 protected:
  absl::string_view Judge(int64_t bytes_read, bool memory_is_short = false,
                          absl::Duration passed = kTick) {
    return account_.Judge(bytes_read, calls_, passed, memory_is_short);
  }

  CallCounts calls_;
  ConnectionAccount account_;
};

TEST_F(ConnectionAccountTest, BytesWithoutCallsAreOwed) {
  EXPECT_EQ(Judge(1 << 20), "");
  EXPECT_EQ(Judge((1 << 20) + 1'000), "bytes");
}

TEST_F(ConnectionAccountTest, ManyBytesAreNotOwedForLong) {
  for (int i = 0; i < 25; ++i) EXPECT_EQ(Judge(200 << 10), "") << i;
  EXPECT_EQ(Judge(200 << 10), "bytes");
}

TEST_F(ConnectionAccountTest, ManyBytesMayBeOwedAgainAndAgain) {
  int64_t bytes = 0;
  for (int i = 0; i < 10; ++i) {
    bytes += 200 << 10;
    for (int j = 0; j < 20; ++j) EXPECT_EQ(Judge(bytes), "") << i;
    calls_.served += 10;
    EXPECT_EQ(Judge(bytes), "");
  }
}

TEST_F(ConnectionAccountTest, CallsExplainBytes) {
  int64_t bytes = 0;
  for (int i = 0; i < 1'000; ++i) {
    calls_.served += 10;
    EXPECT_EQ(Judge(bytes += 700 << 10), "") << i;
  }
  // But none in advance.
  EXPECT_EQ(Judge(bytes += 1 << 20), "");
  EXPECT_EQ(Judge(bytes + 1'000), "bytes");
}

TEST_F(ConnectionAccountTest, RunningCallsExplainBytesForAsLongAsTheyRun) {
  calls_.running = calls_.running_unary = 256;
  EXPECT_EQ(Judge(256 * 65 * 1024), "");
  calls_.running = calls_.running_unary = 0;
  EXPECT_EQ(Judge(256 * 65 * 1024), "bytes");
}

TEST_F(ConnectionAccountTest, StreamsThatStayExplainNothing) {
  calls_.running = 256;
  EXPECT_EQ(Judge(2 << 20), "bytes");
}

// A hundred watchers of a token, of whom each hears of three.
TEST_F(ConnectionAccountTest, AnsweredStreamsExplainWhatTheyCost) {
  calls_.running = 100;
  EXPECT_EQ(Judge(40'000, true), "") << "they may be answered by the next look";
  calls_.running_answered = 100;
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(Judge(40'000 + 6'000 * i, true), "");
  EXPECT_EQ(Judge(40'000 + 6'000 * 12, true), "") << "once is not enough";
  EXPECT_EQ(Judge(40'000 + 6'000 * 14, true), "memory");
}

// A health watch, which is no call that ends, with gRPC's pings: 17 bytes each
// ten seconds at the most often, and what acknowledges ours.
TEST_F(ConnectionAccountTest, AWatchMayLastForYears) {
  calls_.running = 1;
  int64_t bytes = 2'000;
  for (int i = 0; i < 1'000'000; ++i)
    ASSERT_EQ(Judge(bytes += 17 + 17 + 13, i % 2 == 0, absl::Seconds(10)), "");
  EXPECT_EQ(account_.owed_bytes(), 0);
}

TEST_F(ConnectionAccountTest, FreeBytesAddUpFromShortTimes) {
  Judge(12'800);
  for (int i = 0; i < 100 * 50; ++i) Judge(12'800);
  EXPECT_EQ(account_.owed_bytes(), 0);
}

TEST_F(ConnectionAccountTest, OwesLittleWhileMemoryIsShort) {
  EXPECT_EQ(Judge(40 << 10, true), "") << "it may be a call by the next look";
  EXPECT_EQ(Judge(40 << 10, true), "memory");
}

// A busy server may be slow to come to a burst of calls.
TEST_F(ConnectionAccountTest, AKnownPeerMayOweABurstWhileMemoryIsShort) {
  calls_.served = 10;
  EXPECT_EQ(Judge(10'000), "");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Judge(90 << 10, true), "") << i;
  EXPECT_EQ(Judge(120 << 10, true), "") << "it may be a call by the next look";
  EXPECT_EQ(Judge(120 << 10, true), "memory");
}

TEST_F(ConnectionAccountTest, ACallThatComesAtOnceSavesItWhileMemoryIsShort) {
  EXPECT_EQ(Judge(60 << 10, true), "");
  calls_.running = calls_.running_unary = 1;
  EXPECT_EQ(Judge(60 << 10, true), "");
}

TEST_F(ConnectionAccountTest, BoundsRunningCalls) {
  calls_.running = 512;
  EXPECT_EQ(Judge(0), "");
  calls_.running = 513;
  EXPECT_EQ(Judge(0), "calls");
}

TEST_F(ConnectionAccountTest, HalfTheCallsMayBeCancelled) {
  for (int i = 0; i < 100; ++i) {
    calls_.served += 250;
    calls_.wasted += 250;
    ASSERT_EQ(Judge(0), "") << i;
  }
  calls_.served += 249;
  calls_.wasted += 250;
  EXPECT_EQ(Judge(0), "") << "not yet 500";
  calls_.wasted += 1;
  EXPECT_EQ(Judge(0), "resets");
}

// A TCP connection within this process.
class Pair {
 public:
  Pair() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener, raw, size), 0);
    EXPECT_EQ(listen(listener, 1), 0);
    EXPECT_EQ(getsockname(listener, raw, &size), 0);
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(client, raw, size), 0);
    server = accept4(listener, raw, &size, SOCK_CLOEXEC);
    port = ntohs(address.sin_port);
    close(listener);
  }
  ~Pair() {
    close(client);
    close(server);
  }

  // The client sends so many bytes, of which the server reads `read`.
  void Transfer(size_t sent, size_t read) {
    std::vector<char> bytes(sent);
    std::array<char, 4096> buffer;
    for (size_t at = 0; at < sent;) {
      const ssize_t count = send(client, bytes.data() + at, sent - at, 0);
      ASSERT_GT(count, 0);
      at += static_cast<size_t>(count);
      for (size_t taken = 0; read > 0 && taken < static_cast<size_t>(count);) {
        const ssize_t got = recv(server, buffer.data(), buffer.size(), 0);
        ASSERT_GT(got, 0);
        taken += static_cast<size_t>(got);
      }
    }
  }

  bool IsCut() const {
    pollfd wait{client, POLLIN, 0};
    char byte;
    return poll(&wait, 1, 0) == 1 && recv(client, &byte, 1, 0) <= 0;
  }

  int client;
  int server;
  int port;
};

class ConnectionGuardTest : public testing::Test {
 protected:
  void Add(const Pair& pair) {
    guard_.Add(pair.server, "127.0.0.1", pair.port);
  }
  std::shared_ptr<CallCounts> Calls(const Pair& pair) {
    return guard_.CountsOf("ipv4:127.0.0.1:" + std::to_string(pair.port));
  }
  void Look() { guard_.Look(now_ += kTick); }

  Metrics metrics_;
  int64_t memory_ = 50 << 20;
  ConnectionGuard guard_{"here", metrics_, [this] { return memory_; }};
  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(ConnectionGuardTest, CutsWhoOnlySends) {
  Pair bad;
  Pair good;
  Add(bad);
  Add(good);
  bad.Transfer(1'100'000, 1'100'000);
  good.Transfer(1'100'000, 1'100'000);
  Calls(good)->served += 20;
  Look();
  EXPECT_TRUE(bad.IsCut());
  EXPECT_FALSE(good.IsCut());
  EXPECT_NE(metrics_.Text().find("wxident_connections_cut_total{addr=\"here\","
                                 "why=\"bytes\"} 1"),
            std::string::npos);
}

TEST_F(ConnectionGuardTest, BytesThatNobodyHasReadCountForNothing) {
  Pair pair;
  Add(pair);
  pair.Transfer(60'000, 0);
  memory_ = 500 << 20;
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_FALSE(pair.IsCut());
}

TEST_F(ConnectionGuardTest, WhenMemoryGrowsWhoOwesIsCut) {
  Pair pair;
  Add(pair);
  pair.Transfer(60'000, 60'000);
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_FALSE(pair.IsCut());
  memory_ += 100 << 20;
  Look();
  EXPECT_TRUE(pair.IsCut());
}

TEST_F(ConnectionGuardTest, MemoryThatGrowsSlowlyIsUsual) {
  for (int i = 0; i < 50 * 1'000; ++i) {
    memory_ += 20'000;  // 1 MB a second
    Look();
  }
  Pair pair;
  Add(pair);
  pair.Transfer(60'000, 60'000);
  for (int i = 0; i < 5; ++i) Look();
  EXPECT_FALSE(pair.IsCut());
}

TEST_F(ConnectionGuardTest, AfterACutAnIpGetsFewNewConnections) {
  EXPECT_TRUE(guard_.Admits("127.0.0.1", now_));
  Pair pair;
  Add(pair);
  Calls(pair)->running = 600;
  Look();
  ASSERT_TRUE(pair.IsCut());
  const auto admitted = [this] {
    int count = 0;
    for (int i = 0; i < 100; ++i)
      if (guard_.Admits("127.0.0.1", now_ += absl::Milliseconds(50))) ++count;
    return count;
  };
  EXPECT_EQ(admitted(), 20);  // in five seconds
  Pair again;
  Add(again);
  Calls(again)->running = 600;
  Look();
  ASSERT_TRUE(again.IsCut());
  EXPECT_EQ(admitted(), 10);
  EXPECT_TRUE(guard_.Admits("127.0.0.2", now_));
  now_ += absl::Seconds(10);
  Look();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(guard_.Admits("127.0.0.1", now_));
}

TEST_F(ConnectionGuardTest, KnowsPeersByWhatGrpcCallsThem) {
  Pair pair;
  guard_.Add(pair.server, "::1", 1234);
  const std::shared_ptr<CallCounts> counts =
      guard_.CountsOf("ipv6:%5B::1%5D:1234");
  EXPECT_EQ(guard_.CountsOf("ipv6:[::1]:1234"), counts);
  for (const char* other : {"ipv6:%5B::1%5D:1235", "ipv6:%5B::2%5D:1234",
                            "unix:/tmp/x", "", "1234"})
    EXPECT_NE(guard_.CountsOf(other), counts) << other;
  guard_.Remove(pair.server);
  EXPECT_NE(guard_.CountsOf("ipv6:%5B::1%5D:1234"), counts);
}

}  // namespace
}  // namespace wxident

#include "server/front/front.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/crypto/test_ca.h"
#include "tests/crypto/tls_client.h"
#include "tests/edge/connect_to.h"
#include "tests/hostile/http2_frames.h"
#include "tests/hostile/raw_peer.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(20);

// In gRPC's place: gets sockets, and reads and writes what a test wants.
class Inner {
 public:
  explicit Inner(int fd) : fd_(fd) {}
  ~Inner() { Close(); }
  Inner(const Inner&) = delete;
  Inner& operator=(const Inner&) = delete;

  // The name that gRPC would call the peer by.
  std::string PeerName() const {
    sockaddr_un address{};
    socklen_t size = sizeof(address);
    getpeername(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    return absl::StrCat(
        "unix-abstract:",
        std::string(address.sun_path + 1,
                    size - offsetof(sockaddr_un, sun_path) - 1));
  }

  // So many bytes, or less when the other side ends.
  std::string Read(size_t count) {
    std::string out;
    while (out.size() < count) {
      pollfd wait{fd_, POLLIN, 0};
      if (poll(&wait, 1, Ms()) != 1) break;
      char buffer[4096];
      const ssize_t got =
          recv(fd_, buffer, std::min(sizeof(buffer), count - out.size()), 0);
      if (got <= 0) break;
      out.append(buffer, static_cast<size_t>(got));
    }
    return out;
  }
  bool Write(absl::string_view bytes) {
    while (!bytes.empty()) {
      pollfd wait{fd_, POLLOUT, 0};
      if (poll(&wait, 1, Ms()) != 1) return false;
      const ssize_t sent =
          send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // Within a moment, or not at all.
  bool WriteNow(absl::string_view bytes) {
    pollfd wait{fd_, POLLOUT, 0};
    return poll(&wait, 1, 200) == 1 && Write(bytes);
  }
  bool HasEnded() { return Read(1).empty(); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  static int Ms() {
    return static_cast<int>(kPatience / absl::Milliseconds(1));
  }
  int fd_;
};

class Peers final : public PeerRegistry {
 public:
  void Opened(const std::string& peer,
              const std::string& certificates) override {
    std::lock_guard<std::mutex> lock(mutex_);
    open_[peer] = certificates;
  }
  void Closed(const std::string& peer) override {
    std::lock_guard<std::mutex> lock(mutex_);
    EXPECT_EQ(open_.erase(peer), 1u);
  }
  std::map<std::string, std::string> open() {
    std::lock_guard<std::mutex> lock(mutex_);
    return open_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> open_;
};

class FrontTest : public testing::Test {
 protected:
  void SetUp() override { signal(SIGPIPE, SIG_IGN); }

  void Start(bool tls = false) {
    Front::Options options{.addr = "127.0.0.1:0"};
    if (tls) {
      options.tls = [server = *TlsServer::Create(
                         server_.pem, Secret(server_.key), ca_.pem)] {
        return server;
      };
      options.peers = &peers_;
    }
    auto front = Front::Listen(std::move(options), metrics_);
    ASSERT_TRUE(front.ok()) << front.status();
    front_ = *std::move(front);
    front_->Run([this](int fd) {
      std::lock_guard<std::mutex> lock(mutex_);
      taken_.push_back(std::make_unique<Inner>(fd));
      arrived_.notify_all();
    });
  }

  // The next connection that came through; nullptr when none does.
  std::unique_ptr<Inner> Taken() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!arrived_.wait_for(lock, absl::ToChronoMilliseconds(kPatience),
                           [this] { return !taken_.empty(); }))
      return nullptr;
    std::unique_ptr<Inner> inner = std::move(taken_.front());
    taken_.pop_front();
    return inner;
  }

  RawPeer Connect(const std::string& source = "127.0.0.1") const {
    return RawPeer(front_->addr(), absl::Now() + kPatience, source);
  }

  std::unique_ptr<TlsClient> ConnectTls(const TestCertificate& shown) const {
    const int fd = ConnectTo(front_->addr());
    EXPECT_GE(fd, 0);
    return std::make_unique<TlsClient>(fd, ca_.pem,
                                       TlsClientOptions{.shown = &shown});
  }

  bool WaitForMetric(const std::string& line) const {
    const absl::Time give_up = absl::Now() + kPatience;
    while (metrics_.Text().find(line) == std::string::npos)
      if (absl::Now() > give_up) return false;
    return true;
  }
  bool WaitUntilEmpty() const {
    return WaitForMetric(
        absl::StrCat("wxident_connections{addr=\"", front_->addr(), "\"} 0\n"));
  }

  const TestCertificate ca_ = MakeTestCa();
  const TestCertificate server_ = MakeTestCertificate({}, &ca_);
  const TestCertificate caller_ =
      MakeTestCertificate({.uris = {"spiffe://corp/a"}}, &ca_);
  Metrics metrics_;
  Peers peers_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::unique_ptr<Inner>> taken_;
  std::unique_ptr<Front> front_;
};

// A client's first words, and what a test adds.
std::string Hello(const std::string& more = "") {
  return kClientMagic + Frame(kSettings, 0, 0) + more;
}

std::string Call(uint32_t stream, const std::string& message) {
  return Frame(kHeaders, kEndHeaders, stream, Request("/a/B")) +
         Frame(kData, kEndStream, stream, Message(message));
}
// Its answer, as far as the front looks at it.
std::string Answer(uint32_t stream) {
  return Frame(kHeaders, kEndHeaders | kEndStream, stream, "status");
}

TEST_F(FrontTest, PassesOnBothWays) {
  Start();
  RawPeer client = Connect();
  const std::string said = Hello(Call(1, "question"));
  ASSERT_TRUE(client.Send(said));
  const std::unique_ptr<Inner> inner = Taken();
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ(inner->Read(said.size()), said);
  EXPECT_TRUE(inner->Write(Answer(1)));
  while (client.heard().size() < Answer(1).size())
    ASSERT_FALSE(client.Listen(absl::Milliseconds(1)));
  EXPECT_EQ(client.heard(), Answer(1));
}

TEST_F(FrontTest, EachPeerHasANameOfItsOwn) {
  Start();
  RawPeer one = Connect();
  RawPeer two = Connect();
  ASSERT_TRUE(one.Send(Hello()));
  ASSERT_TRUE(two.Send(Hello()));
  const std::string name = Taken()->PeerName();
  EXPECT_THAT(name, testing::StartsWith("unix-abstract:wxident-"));
  EXPECT_NE(Taken()->PeerName(), name);
}

TEST_F(FrontTest, AClientThatEndsIsEndedForGrpcToo) {
  Start();
  {
    RawPeer client = Connect();
    ASSERT_TRUE(client.Send(Hello()));
    const std::unique_ptr<Inner> inner = Taken();
    inner->Read(Hello().size());
  }
  EXPECT_TRUE(WaitUntilEmpty());
}

TEST_F(FrontTest, WhatGrpcSaidLastArrives) {
  Start();
  RawPeer client = Connect();
  ASSERT_TRUE(client.Send(Hello()));
  std::unique_ptr<Inner> inner = Taken();
  // Not read by anybody: an end that were not waited for would reset it all.
  ASSERT_TRUE(client.Send(Call(1, std::string(10'000, 'x'))));
  inner->Write(Frame(kGoaway, 0, 0, "good bye"));
  inner->Close();
  EXPECT_TRUE(client.Listen(kPatience));
  EXPECT_THAT(client.heard(), HasSubstr("good bye"));
  EXPECT_TRUE(WaitUntilEmpty());
}

TEST_F(FrontTest, DoesNotWaitForWhoNeverReads) {
  Start();
  RawPeer client = Connect();
  ASSERT_TRUE(client.Send(Hello()));
  std::unique_ptr<Inner> inner = Taken();
  inner->Read(Hello().size());
  // Until nothing more fits in anywhere.
  const std::string answer = Frame(kData, 0, 1, std::string(16'000, 'd'));
  while (inner->WriteNow(answer)) {
  }
  inner->Close();
  EXPECT_TRUE(WaitUntilEmpty());
}

TEST_F(FrontTest, WaitsForWhoReadsSlowly) {
  Start();
  RawPeer client = Connect();
  ASSERT_TRUE(client.Send(Hello()));
  const std::unique_ptr<Inner> inner = Taken();
  inner->Read(Hello().size());
  ASSERT_TRUE(inner->Write(Frame(kSettings, 0, 0)));
  while (client.heard().empty())
    ASSERT_FALSE(client.Listen(absl::Milliseconds(1)));
  const std::string heard = client.heard();
  // Much more than sockets hold, before anybody reads.
  constexpr int kCalls = 200;
  std::string all = Frame(kSettings, kAck, 0);
  for (int i = 0; i < kCalls; ++i)
    all += Call(static_cast<uint32_t>(2 * i + 1), std::string(16'000, 'u'));
  std::thread sender([&] { EXPECT_TRUE(client.Send(all)); });
  std::string got = inner->Read(1'000);
  got += inner->Read(all.size() - got.size());
  sender.join();
  // Too long to be printed.
  EXPECT_TRUE(got == all);

  const std::string answer =
      Frame(kData, 0, 1, std::string(16'000, 'd')) + Answer(1);
  std::thread answerer([&] {
    for (int i = 0; i < kCalls; ++i) EXPECT_TRUE(inner->Write(answer));
    inner->Close();
  });
  EXPECT_TRUE(client.Listen(kPatience));
  answerer.join();
  // The peer keeps the first of it.
  const std::string due = heard + answer + answer;
  EXPECT_TRUE(client.heard() == due.substr(0, client.heard().size()));
  EXPECT_GT(client.heard().size(), size_t{16'000});
}

TEST_F(FrontTest, WhatIsNotHttp2NeverComesThrough) {
  Start();
  RawPeer client = Connect();
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  EXPECT_TRUE(client.Listen(kPatience));
  EXPECT_TRUE(WaitForMetric("wxident_handshake_failures_total{"));
  RawPeer good = Connect();
  ASSERT_TRUE(good.Send(Hello()));
  // The only one.
  EXPECT_NE(Taken(), nullptr);
  EXPECT_TRUE(taken_.empty());
}

TEST_F(FrontTest, WhoOnlyCostsIsCutOffAndItsIpOnProbation) {
  Start();
  RawPeer client = Connect("127.0.2.1");
  ASSERT_TRUE(client.Send(Hello()));
  const std::unique_ptr<Inner> inner = Taken();
  std::string pings;
  for (int i = 0; i < 1'000; ++i) pings += Frame(kPing, 0, 0, "pingping");
  client.Flood(pings);
  EXPECT_FALSE(client.open());
  inner->Read(1 << 20);
  EXPECT_TRUE(inner->HasEnded());
  EXPECT_TRUE(
      WaitForMetric(absl::StrCat("wxident_connections_cut_total{addr=\"",
                                 front_->addr(), "\",why=\"frames\"} 1\n")));
  // No other for a while.
  RawPeer too_soon = Connect("127.0.2.1");
  EXPECT_TRUE(too_soon.Listen(kPatience));
  EXPECT_TRUE(WaitForMetric("wxident_connections_refused_total{"));
  RawPeer other = Connect("127.0.2.2");
  ASSERT_TRUE(other.Send(Hello()));
  EXPECT_NE(Taken(), nullptr);
}

TEST_F(FrontTest, BoundsConnectionsOfOneIpAndTakesNewOnesAfterwards) {
  Start();
  {
    // The clients end first.
    std::vector<std::unique_ptr<Inner>> inners;
    std::vector<std::unique_ptr<RawPeer>> clients;
    for (int i = 0; i < IpLedger::kMaxConnectionsPerIp; ++i) {
      clients.push_back(std::make_unique<RawPeer>(
          front_->addr(), absl::Now() + kPatience, "127.0.0.1"));
      ASSERT_TRUE(clients.back()->Send(Hello(Call(1, "x"))));
      inners.push_back(Taken());
      ASSERT_NE(inners.back(), nullptr);
      // Without an answer, fewer would do.
      ASSERT_TRUE(inners.back()->Write(Answer(1)));
      while (clients.back()->heard().empty())
        ASSERT_FALSE(clients.back()->Listen(absl::Milliseconds(1)));
    }
    RawPeer one_more = Connect();
    EXPECT_TRUE(one_more.Listen(kPatience));
  }
  EXPECT_TRUE(WaitUntilEmpty());
  RawPeer again = Connect();
  ASSERT_TRUE(again.Send(Hello()));
  EXPECT_NE(Taken(), nullptr);
}

TEST_F(FrontTest, TlsEndsHereAndTellsWhoItIs) {
  Start(/*tls=*/true);
  std::unique_ptr<TlsClient> client = ConnectTls(caller_);
  ASSERT_TRUE(client->Handshake());
  const std::string said = Hello(Call(1, "question"));
  ASSERT_TRUE(client->Write(said));
  std::unique_ptr<Inner> inner = Taken();
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ(
      peers_.open(),
      (std::map<std::string, std::string>{{inner->PeerName(), caller_.pem}}));
  EXPECT_EQ(inner->Read(said.size()), said);
  EXPECT_TRUE(inner->Write(Answer(1)));
  EXPECT_EQ(client->Read(100), Answer(1));
  inner->Close();
  EXPECT_EQ(client->Read(1), "");
  client.reset();
  EXPECT_TRUE(WaitUntilEmpty());
  EXPECT_TRUE(peers_.open().empty());
}

TEST_F(FrontTest, WhoOnlyCostsIsCutOffBehindTlsToo) {
  Start(/*tls=*/true);
  const std::unique_ptr<TlsClient> client = ConnectTls(caller_);
  ASSERT_TRUE(client->Handshake());
  ASSERT_TRUE(client->Write(Hello()));
  const std::unique_ptr<Inner> inner = Taken();
  ASSERT_NE(inner, nullptr);
  std::string resets;
  for (uint32_t stream = 1; stream < 200; stream += 2)
    resets += Frame(kHeaders, kEndHeaders, stream, "x") +
              Frame(kRstStream, 0, stream, BigEndian(8, 4));
  ASSERT_TRUE(client->Write(resets));
  EXPECT_EQ(client->Read(1), "");
  EXPECT_TRUE(
      WaitForMetric(absl::StrCat("wxident_connections_cut_total{addr=\"",
                                 front_->addr(), "\",why=\"resets\"} 1\n")));
  inner->Read(1 << 20);
  EXPECT_TRUE(inner->HasEnded());
}

TEST_F(FrontTest, KeyUpdatesWithoutDataAreCutOff) {
  Start(/*tls=*/true);
  const std::unique_ptr<TlsClient> client = ConnectTls(caller_);
  ASSERT_TRUE(client->Handshake());
  ASSERT_TRUE(client->Write(Hello()));
  std::unique_ptr<Inner> inner = Taken();
  ASSERT_NE(inner, nullptr);
  for (int i = 0; i < 100'000 && client->UpdateKey(); ++i) {
  }
  EXPECT_TRUE(
      WaitForMetric(absl::StrCat("wxident_connections_cut_total{addr=\"",
                                 front_->addr(), "\",why=\"tls\"} 1\n")));
}

TEST_F(FrontTest, ABadCertificateNeverComesThrough) {
  Start(/*tls=*/true);
  const TestCertificate stranger = MakeTestCa("stranger");
  testing::internal::CaptureStderr();
  const std::unique_ptr<TlsClient> bad = ConnectTls(stranger);
  bad->Handshake();
  bad->Write(Hello());
  EXPECT_EQ(bad->Read(1), "");
  EXPECT_TRUE(WaitForMetric("wxident_handshake_failures_total{"));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("certificate verify failed: self-signed"));
  const std::unique_ptr<TlsClient> good = ConnectTls(caller_);
  ASSERT_TRUE(good->Handshake());
  ASSERT_TRUE(good->Write(Hello()));
  const std::unique_ptr<Inner> inner = Taken();
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ(peers_.open().at(inner->PeerName()), caller_.pem);
  EXPECT_TRUE(taken_.empty());
}

TEST_F(FrontTest, EndsWithConnectionsThatDoNot) {
  Start();
  RawPeer client = Connect();
  ASSERT_TRUE(client.Send(Hello()));
  const std::unique_ptr<Inner> inner = Taken();
  RawPeer silent = Connect();
  front_.reset();
  EXPECT_TRUE(client.Listen(kPatience));
  EXPECT_TRUE(silent.Listen(kPatience));
  inner->Read(Hello().size());
  EXPECT_TRUE(inner->HasEnded());
}

// For ThreadSanitizer, above all.
TEST_F(FrontTest, ManyComeAndGoAtOnce) {
  Start();
  constexpr int kClients = 8;
  constexpr int kTimes = 25;
  std::thread server([this] {
    for (int i = 0; i < kClients * kTimes; ++i) {
      const std::unique_ptr<Inner> inner = Taken();
      ASSERT_NE(inner, nullptr);
      inner->Write(Answer(1));
      // Every other one is ended by this side.
      if (i % 2 == 0) inner->Read(Hello().size());
    }
  });
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i)
    clients.emplace_back([this, i] {
      for (int time = 0; time < kTimes; ++time) {
        RawPeer client = Connect(absl::StrCat("127.0.3.", i + 1));
        EXPECT_TRUE(client.Send(Hello(Call(1, "x"))));
        if (time % 3 == 0) client.Listen(kPatience);
      }
    });
  for (std::thread& client : clients) client.join();
  server.join();
  EXPECT_TRUE(WaitUntilEmpty());
}

}  // namespace
}  // namespace wxident

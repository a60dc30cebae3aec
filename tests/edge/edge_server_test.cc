#include "server/edge/edge_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/turns.h"
#include "server/edge/edge_connection.h"
#include "tests/edge/connect_to.h"
#include "tests/edge/server_fixture.h"
#include "tests/hostile/http2_frames.h"
#include "tests/hostile/raw_peer.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class EdgeServerTest : public ServerFixture {};

TEST_F(EdgeServerTest, ServesInPlainText) {
  Start({});
  const auto client = Connect();
  EXPECT_THAT(client->Call("/a/Echo", "hello").messages, ElementsAre("hello"));
  EXPECT_THAT(client->Call("/a/Who", "").messages, ElementsAre("nobody"));
}

TEST_F(EdgeServerTest, ServesOverTlsAndKnowsItsCaller) {
  StartTls();
  for (const int version : {12, 13}) {
    const auto client = ConnectTls({.version = version});
    for (int i = 0; i < 3; ++i)
      EXPECT_THAT(client->Call("/a/Who", "").messages,
                  ElementsAre("spiffe://corp/a"));
  }
}

TEST_F(EdgeServerTest, NobodyWithoutACertificate) {
  StartTls();
  const TestCertificate stranger = MakeTestCa("stranger");
  const auto client = ConnectTls({.shown = &stranger});
  EXPECT_EQ(client->Call("/a/Echo", "hello").status(), -1);
  EXPECT_TRUE(WaitForMetric("wxident_handshake_failures_total"));
}

TEST_F(EdgeServerTest, ManyClientsOnSeveralLoops) {
  StartTls({.loops = 2});
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([this, i] {
      const auto client = ConnectTls();
      std::vector<int32_t> ids;
      for (int j = 0; j < 80; ++j)
        ids.push_back(
            client->h2().Call("/a/Echo", Message(absl::StrCat(i, " ", j))));
      for (int j = 0; j < 80; ++j) {
        ASSERT_TRUE(client->Until(
            [&] { return client->h2().answer(ids[j]).closed; }, kPatience));
        EXPECT_THAT(client->h2().answer(ids[j]).messages,
                    ElementsAre(absl::StrCat(i, " ", j)));
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(WaitForConnections(0));
}

TEST_F(EdgeServerTest, AnswersOfOtherThreads) {
  std::vector<std::thread> threads;
  methods_["/a/Other"] =
      TestMethod({.message = [&](Call& call, absl::string_view message) {
        threads.emplace_back([&call, text = std::string(message)] {
          call.AddInitialMetadata("wxident-request-id", "7");
          call.Write(text);
          call.Finish({});
        });
      }});
  StartTls();
  {
    const auto client = ConnectTls();
    std::vector<int32_t> ids;
    for (int j = 0; j < 80; ++j)
      ids.push_back(client->h2().Call("/a/Other", Message(absl::StrCat(j))));
    for (int j = 0; j < 80; ++j) {
      ASSERT_TRUE(client->Until(
          [&] { return client->h2().answer(ids[j]).closed; }, kPatience));
      EXPECT_THAT(client->h2().answer(ids[j]).messages,
                  ElementsAre(absl::StrCat(j)));
    }
  }
  server_.reset();
  for (std::thread& thread : threads) thread.join();
}

// How many this process has.
auto Threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                       {});
}

// Calls whose answers wait for a turn's end, as those with an audit line do.
class TurnsEndTest : public EdgeServerTest {
 protected:
  // A thread that was overtaken belongs to nobody, uses what is here, and has
  // things of OpenSSL's to give back.
  void TearDown() override {
    server_.reset();
    const absl::Time end = absl::Now() + kPatience;
    while (Threads() > threads_ && absl::Now() < end)
      absl::SleepFor(absl::Milliseconds(1));
    EXPECT_EQ(Threads(), threads_);
  }
  void SetUp() override {
    threads_ = Threads();
    EdgeServerTest::SetUp();
    methods_["/a/AtEnd"] =
        TestMethod({.message = [this](Call& call, absl::string_view message) {
          Turns::Current()->AtEnd(
              [this] { ++ends_; },
              [&call, text = std::string(message)] { call.Reply(text); });
        }});
    methods_["/a/HangAtEnd"] =
        TestMethod({.message = [this](Call& call, absl::string_view) {
          Turns::Current()->AtEnd(
              [this, turns = Turns::Current()->weak_from_this()] {
                hangs_.set_value(turns.lock());
                go_on_.get_future().wait();
              },
              [&call] { call.Reply("late"); });
        }});
  }

  std::ptrdiff_t threads_ = 0;
  std::atomic<int> ends_{0};
  std::promise<std::shared_ptr<Turns>> hangs_;
  std::promise<void> go_on_;
};

TEST_F(TurnsEndTest, AnswersLeaveAtOnce) {
  StartTls();
  const auto client = ConnectTls();
  std::vector<int32_t> ids;
  for (int j = 0; j < 80; ++j)
    ids.push_back(client->h2().Call("/a/AtEnd", Message(absl::StrCat(j))));
  for (int j = 0; j < 80; ++j) {
    ASSERT_TRUE(client->Until(
        [&] { return client->h2().answer(ids[j]).closed; }, kPatience));
    EXPECT_THAT(client->h2().answer(ids[j]).messages,
                ElementsAre(absl::StrCat(j)));
  }
  EXPECT_EQ(ends_, 80);
}

TEST_F(TurnsEndTest, OneThatHangsHoldsNobodyUp) {
  StartTls();
  const auto unlucky = ConnectTls();
  const auto other = ConnectTls();
  EXPECT_EQ(other->Call("/a/Echo", "before").status(), 0);
  const int32_t id = unlucky->h2().Call("/a/HangAtEnd", Message(""));
  ASSERT_TRUE(unlucky->Send());
  const std::shared_ptr<Turns> turns = hangs_.get_future().get();
  turns->Overtake();
  EXPECT_THAT(other->Call("/a/Echo", "meanwhile").messages,
              ElementsAre("meanwhile"));
  EXPECT_THAT(other->Call("/a/AtEnd", "too").messages, ElementsAre("too"));
  EXPECT_THAT(ConnectTls()->Call("/a/Echo", "new").messages,
              ElementsAre("new"));
  go_on_.set_value();
  ASSERT_TRUE(unlucky->Until([&] { return unlucky->h2().answer(id).closed; },
                             kPatience));
  EXPECT_THAT(unlucky->h2().answer(id).messages, ElementsAre("late"));
}

TEST_F(TurnsEndTest, AServerEndsWhileOneHangs) {
  // Whoever waits is told by somebody else, as the audit log does.
  Call* waits = nullptr;
  methods_["/a/GivesUp"] =
      TestMethod({.message = [&](Call& call, absl::string_view) {
        waits = &call;
        Turns::Current()->AtEnd(
            [this, turns = Turns::Current()->weak_from_this()] {
              hangs_.set_value(turns.lock());
              go_on_.get_future().wait();
            },
            [] {});
      }});
  Start({});
  const auto client = Connect();
  const int32_t id = client->h2().Call("/a/GivesUp", Message(""));
  ASSERT_TRUE(client->Send());
  const std::shared_ptr<Turns> turns = hangs_.get_future().get();
  turns->Overtake();
  waits->Reply("no line");
  EXPECT_TRUE(
      client->Until([&] { return client->h2().answer(id).closed; }, kPatience));
  server_.reset();
  go_on_.set_value();
}

TEST_F(EdgeServerTest, LargeAnswers) {
  const std::string large(3 << 20, 'x');
  methods_["/a/Large"] = TestMethod(
      {.message = [&](Call& call, absl::string_view) { call.Reply(large); }});
  for (const bool tls : {false, true}) {
    if (tls)
      StartTls();
    else
      Start({});
    const auto client = tls ? ConnectTls() : Connect();
    const H2Answer answer = client->Call("/a/Large", "");
    ASSERT_THAT(answer.messages, SizeIs(1));
    EXPECT_TRUE(answer.messages[0] == large);
    EXPECT_EQ(answer.status(), 0);
  }
}

TEST_F(EdgeServerTest, AClientThatGoesCancelsItsCalls) {
  Start({});
  {
    const auto client = Connect();
    client->h2().Call("/a/Hang", Message(""));
    ASSERT_TRUE(client->Send());
    ASSERT_NE(WaitForHanging(), nullptr);
  }
  EXPECT_TRUE(WaitForConnections(0));
}

TEST_F(EdgeServerTest, TheDeadlineIsTold) {
  Start({});
  const auto client = Connect();
  EXPECT_EQ(client->Call("/a/Hang", "", {{"grpc-timeout", "20m"}}).status(), 4);
}

TEST_F(EdgeServerTest, DrainsBeforeItStops) {
  Start({});
  const auto idle = Connect();
  EXPECT_EQ(idle->Call("/a/Echo", "x").status(), 0);
  const auto busy = Connect();
  const int32_t id = busy->h2().Call("/a/Hang", Message(""));
  ASSERT_TRUE(busy->Send());
  Call* const hanging = WaitForHanging();
  std::thread stopper([this] { server_->Stop(kPatience); });
  EXPECT_TRUE(idle->Until([&] { return !idle->open(); }, kPatience));
  EXPECT_THAT(idle->h2().goaways(), Not(IsEmpty()));
  EXPECT_TRUE(
      busy->Until([&] { return busy->h2().goaways().size() == 2; }, kPatience));
  hanging->Reply("at last");
  EXPECT_TRUE(
      busy->Until([&] { return busy->h2().answer(id).closed; }, kPatience));
  EXPECT_THAT(busy->h2().answer(id).messages, ElementsAre("at last"));
  stopper.join();
  EXPECT_LT(ConnectTo(server_->addr()), 0);
}

TEST_F(EdgeServerTest, AStopCutsWhatTakesTooLong) {
  Start({});
  const auto client = Connect();
  client->h2().Call("/a/Hang", Message(""));
  ASSERT_TRUE(client->Send());
  ASSERT_NE(WaitForHanging(), nullptr);
  server_->Stop(absl::ZeroDuration());
  EXPECT_TRUE(client->Until([&] { return !client->open(); }, kPatience));
}

TEST_F(EdgeServerTest, AnOldConnectionIsToldToGo) {
  Start({.lifetime = {.age = absl::Milliseconds(1)}});
  const auto client = Connect();
  EXPECT_TRUE(client->Until([&] { return !client->open(); }, kPatience));
  EXPECT_THAT(client->h2().goaways(), Not(IsEmpty()));
}

TEST_F(EdgeServerTest, ASilentClientIsGivenUp) {
  Start({.lifetime = {.silence = absl::Milliseconds(1),
                      .answer = absl::Milliseconds(1)}});
  RawPeer silent(server_->addr(), absl::Now() + kPatience, "127.0.0.1");
  ASSERT_TRUE(silent.Hello());
  EXPECT_TRUE(silent.Listen(kPatience));
}

TEST_F(EdgeServerTest, WhoSaysNothingIsClosed) {
  Start({});
  RawPeer mute(server_->addr(), absl::Now() + kPatience, "127.0.0.1");
  EXPECT_TRUE(mute.Listen(kPatience));
  EXPECT_TRUE(WaitForConnections(0));
  EXPECT_TRUE(WaitForMetric("wxident_handshake_failures_total"));
}

TEST_F(EdgeServerTest, WhoSaysThePrefaceByteByByteIsClosed) {
  Start({});
  RawPeer slow(server_->addr(), absl::Now() + kPatience, "127.0.0.1");
  bool closed = false;
  for (const char byte : std::string(kClientMagic)) {
    if (!slow.Send(std::string(1, byte))) break;
    closed = slow.Listen(absl::Milliseconds(300));
    if (closed) break;
  }
  EXPECT_TRUE(closed);
}

TEST_F(EdgeServerTest, WhatIsNotHttp2IsClosed) {
  Start({});
  RawPeer other(server_->addr(), absl::Now() + kPatience, "127.0.0.1");
  ASSERT_TRUE(other.Send("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(other.Listen(kPatience));
  EXPECT_TRUE(WaitForMetric("wxident_handshake_failures_total"));
}

TEST_F(EdgeServerTest, AViolationIsCountedAndCostsConnections) {
  Start({});
  RawPeer flooder(server_->addr(), absl::Now() + kPatience, "127.0.0.1");
  ASSERT_TRUE(flooder.Hello());
  flooder.Flood(Frame(kPing, 0, 0, "12345678"), 100'000);
  EXPECT_TRUE(flooder.Listen(kPatience));
  EXPECT_TRUE(WaitForCut("frames"));
  RawPeer again(server_->addr(), absl::Now() + kPatience, "127.0.0.1");
  EXPECT_TRUE(again.Listen(kPatience));
  EXPECT_TRUE(WaitForMetric("wxident_connections_refused_total"));
}

TEST_F(EdgeServerTest, WhatCallsMethodsThereAreNotHears) {
  Start({.no_such_method = [](const Call& call) {
    return CallStatus{.code = absl::StatusCode::kResourceExhausted,
                      .message = "too often " + call.path()};
  }});
  const auto client = Connect();
  const H2Answer answer = client->Call("/nobody.knows/Me", "x");
  EXPECT_EQ(answer.status(), 8);
  EXPECT_EQ(answer.fields.at("grpc-message"), "too often /nobody.knows/Me");
  EXPECT_EQ(client->Call("/a/Echo", "x").status(), 0);
}

// Refusals are work, too: who does not slow down of itself is read less often.
TEST_F(EdgeServerTest, NothingIsReadForAWhileAfterRefusals) {
  constexpr int kRefused = 200;
  Start({.no_such_method = [](const Call&) {
    return CallStatus{.code = absl::StatusCode::kResourceExhausted};
  }});
  const auto client = Connect();
  ASSERT_EQ(client->Call("/a/Echo", "x").status(), 0);
  const absl::Time began = absl::Now();
  int32_t last = 0;
  for (int i = 0; i < kRefused; ++i)
    last = client->h2().Call("/nobody.knows/Me", "");
  ASSERT_TRUE(client->Until([&] { return client->h2().answer(last).closed; }));
  EXPECT_EQ(client->h2().answer(last).status(), 8);
  EXPECT_EQ(client->Call("/a/Echo", "x").status(), 0);
  EXPECT_GE(absl::Now() - began,
            0.9 * kRefused * EdgeConnection::kRefusalPause);
}

TEST_F(EdgeServerTest, ABrokenRuleIsTold) {
  Start({});
  RawPeer peer(server_->addr(), absl::Now() + kPatience, "127.0.0.1");
  ASSERT_TRUE(peer.Hello());
  ASSERT_TRUE(peer.Send(Frame(kData, 0, 0, "x")));
  EXPECT_TRUE(peer.Listen(kPatience));
  EXPECT_THAT(peer.heard(), HasSubstr(std::string("\x07\0\0\0\0\0", 6)));
  EXPECT_TRUE(WaitForCut("protocol"));
}

}  // namespace
}  // namespace wxident

// Each attack of tests/hostile against the edge, while an honest caller goes on
// calling: in plain text, and those that there are with TLS.

#include "tests/hostile/attacks.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/edge/server_fixture.h"
#include "tests/hostile/again.h"

namespace wxident {
namespace {

// Of this process, so of both sides.
#if defined(__SANITIZE_ADDRESS__)
constexpr int64_t kMostMib = 1'024;
#else
constexpr int64_t kMostMib = 192;
#endif

int64_t PeakMib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(": \t"), absl::SkipEmpty());
    int64_t kib = 0;
    if (words.size() > 1 && words[0] == "VmHWM" &&
        absl::SimpleAtoi(words[1], &kib))
      return kib >> 10;
  }
  return -1;
}

// Calls over one connection until it is destroyed.
class HonestCaller {
 public:
  explicit HonestCaller(std::unique_ptr<EdgeClient> client)
      : client_(std::move(client)), thread_([this] {
          while (!ended_ && failed_ == 0) Call();
        }) {}
  ~HonestCaller() {
    ended_ = true;
    thread_.join();
    EXPECT_GT(calls_, 0);
    EXPECT_EQ(failed_, 0);
  }

 private:
  void Call() {
    const H2Answer answer = client_->Call(kMethod, "honest");
    ++calls_;
    if (answer.status() != 0) ++failed_;
  }

  const std::unique_ptr<EdgeClient> client_;
  int calls_ = 0;
  std::atomic<int> failed_{0};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

class AttacksTest : public ServerFixture,
                    public testing::WithParamInterface<Attack> {
 protected:
  static void SetUpTestSuite() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  void SetUp() override {
    ServerFixture::SetUp();
    const EdgeMethod echo = methods_["/a/Echo"];
    methods_[kMethod] = echo;
    methods_["/grpc.health.v1.Health/Check"] = echo;
  }

  // `connect` makes an honest client.
  template <typename ConnectOne>
  void Suffer(std::shared_ptr<const AttackersTls> tls,
              const ConnectOne& connect) {
    const Attack& attack = GetParam();
    const Target target{server_->addr(), "127.0.1.1", std::move(tls)};
    Outcome outcome;
    {
      const HonestCaller honest(connect());
      // On a machine that does much else, the server may not have come to it
      // yet.
      for (int i = 0; i == 0 || (i < 10 && !IsTold()); ++i)
        outcome = attack.run(target, absl::Now() + attack.time);
    }
    std::cout << attack.name << ": " << outcome.connections << " connections, "
              << outcome.closed << " closed, peak " << PeakMib() << " MiB\n";
    EXPECT_GT(outcome.connections, 0);
    EXPECT_TRUE(IsTold()) << metrics_.Text();
    EXPECT_TRUE(!attack.answered || outcome.HasAnswer());
    EXPECT_LE(PeakMib(), kMostMib);
    EXPECT_EQ(connect()->Call(kMethod, "new").status(), 0);
  }

 private:
  bool IsTold() const {
    const Attack& attack = GetParam();
    const auto has = [this](const std::string& text) {
      return metrics_.Text().find(text) != std::string::npos;
    };
    switch (attack.told) {
      case Attack::Told::kCut:
        return attack.why.empty()
                   ? has("wxident_connections_cut_total{")
                   : has(absl::StrCat("why=\"", attack.why, "\"}"));
      case Attack::Told::kNoConnection:
        return has("wxident_handshake_failures_total{");
      case Attack::Told::kRefused:
        return has("wxident_connections_refused_total{");
      case Attack::Told::kLimited:
      case Attack::Told::kNot:
        break;
    }
    return true;
  }
};

TEST_P(AttacksTest, HurtsNobodyElse) {
  Start({});
  Suffer(nullptr, [this] { return Connect(); });
}

class TlsAttacksTest : public AttacksTest {};

TEST_P(TlsAttacksTest, HurtsNobodyElse) {
  StartTls();
  Suffer(std::shared_ptr<AttackersTls>(new AttackersTls{ca_, caller_}),
         [this] { return ConnectTls(); });
}

std::string NameOf(const testing::TestParamInfo<Attack>& info) {
  return info.param.name;
}

using Attacks = std::vector<Attack>;

Attacks All(const std::vector<Attacks>& lists) {
  Attacks all;
  for (const Attacks& some : lists)
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

Attacks Http2Attacks() {
  return All({StreamAttacks(), FrameAttacks(), RequestAttacks(),
              ConnectionAttacks(), AnswerAttacks()});
}

INSTANTIATE_TEST_SUITE_P(Plain, AttacksTest, testing::ValuesIn(Http2Attacks()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(
    Tls, TlsAttacksTest,
    testing::ValuesIn(All({HandshakeAttacks(), RecordAttacks()})), NameOf);

}  // namespace
}  // namespace wxident

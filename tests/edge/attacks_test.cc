// Each attack of tests/hostile against the edge, in plain text, while an honest
// caller goes on calling.

#include "tests/hostile/attacks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "server/edge/frame_scanner.h"
#include "tests/edge/server_fixture.h"
#include "tests/hostile/again.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

// Of this process, so of both sides.
#if defined(__SANITIZE_ADDRESS__)
constexpr int64_t kMostMib = 1'024;
#else
constexpr int64_t kMostMib = 128;
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
  explicit HonestCaller(const std::string& addr)
      : client_(addr), thread_([this] {
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
    const H2Answer answer = client_.Call(kMethod, "honest");
    ++calls_;
    if (answer.status() != 0) ++failed_;
  }

  EdgeClient client_;
  int calls_ = 0;
  std::atomic<int> failed_{0};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

// Whether a server's bytes have the begin of an answer, whose words nghttp2
// writes in Huffman's code.
bool HasAnswer(absl::string_view heard) {
  // It begins with frames, without a preface.
  FrameScanner scanner;
  absl::string_view preface = kClientMagic;
  scanner.Next(preface);
  while (!heard.empty()) {
    const FrameScanner::Piece piece = scanner.Next(heard);
    if (piece.header.has_value() && piece.header->type == kHeaders) return true;
  }
  return false;
}

class AttacksTest : public ServerFixture,
                    public testing::WithParamInterface<Attack> {};

TEST_P(AttacksTest, HurtsNobodyElse) {
  const EdgeMethod echo = methods_["/a/Echo"];
  methods_[kMethod] = echo;
  Start({});
  const Attack& attack = GetParam();
  Outcome outcome;
  {
    const HonestCaller honest(server_->addr());
    // On a machine that does much else, the server may not have come to it yet.
    for (int i = 0;
         i == 0 || (i < 10 && attack.must_be_closed && outcome.closed == 0);
         ++i)
      outcome =
          attack.run({server_->addr(), "127.0.1.1"}, absl::Now() + attack.time);
  }
  EXPECT_GT(outcome.connections, 0);
  if (attack.must_be_closed) EXPECT_GT(outcome.closed, 0);
  EXPECT_TRUE(attack.answer.empty() || HasAnswer(outcome.heard));
  EXPECT_LE(PeakMib(), kMostMib);
  EdgeClient anew(server_->addr());
  EXPECT_EQ(anew.Call(kMethod, "new").status(), 0);
}

std::vector<Attack> AllAttacks() {
  std::vector<Attack> all;
  for (const auto& some :
       {StreamAttacks(), FrameAttacks(), RequestAttacks(), ConnectionAttacks()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

// For the log.
void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.name; }

INSTANTIATE_TEST_SUITE_P(All, AttacksTest, testing::ValuesIn(AllAttacks()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace wxident

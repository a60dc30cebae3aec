// What ends a connection, and that nothing honest does.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/edge/abuse_guard.h"
#include "server/edge/http2_session.h"
#include "tests/edge/session_fixture.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;

class Http2SessionBoundsTest : public SessionFixture {
 protected:
  void Hello(bool acknowledge = true) {
    Start();
    Say(absl::StrCat(kClientMagic, Frame(kSettings, 0, 0),
                     acknowledge ? Frame(kSettings, kAck, 0) : std::string()));
  }
  // A whole call of `path`.
  static std::string Whole(uint32_t id, const std::string& path) {
    return Frame(kHeaders, kEndHeaders, id, Request(path)) +
           Frame(kData, kEndStream, id, Message("x"));
  }
  static std::string Open(uint32_t id) {
    return Frame(kHeaders, kEndHeaders, id, Request("/a/Echo"));
  }
  static std::string Reset(uint32_t id) {
    return Frame(kRstStream, 0, id, BigEndian(8, 4));
  }
  // Says the same again and again; how often it was said at the violation, or
  // `most`.
  template <typename Make>
  int Until(int most, const Make& make) {
    for (int i = 0; i < most; ++i) {
      Say(make(i));
      if (!session_->violation().empty()) return i + 1;
    }
    return most;
  }
  void FinishHanging() {
    if (hanging_ != nullptr) hanging_->Finish({});
  }
};

TEST_F(Http2SessionBoundsTest, Preface) {
  Start();
  Say("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(session_->violation(), "preface");
  EXPECT_FALSE(session_->greeted());
}

TEST_F(Http2SessionBoundsTest, BrokenRules) {
  for (const std::string& said :
       {Frame(kData, 0, 0, "x"), Frame(kHeaders, kEndHeaders, 2, "x"),
        Frame(kSettings, kAck, 0, "x"), Frame(kPing, 0, 1, "12345678"),
        Frame(kHeaders, kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff"),
        Whole(1, "/a/Hang") + Frame(kData, 0, 1, std::string(100, 'x'))}) {
    Hello();
    EXPECT_THAT(Say(said), HasSubstr(std::string(1, kGoaway)));
    EXPECT_EQ(session_->violation(), "protocol");
    EXPECT_FALSE(session_->Receive("more"));
    session_.reset();
    if (hanging_ != nullptr) hanging_->Finish({});
    hanging_ = nullptr;
    Turns();
  }
}

// grpc-go names the largest number there is.
TEST_F(Http2SessionBoundsTest, AGoodbyeIsNoViolation) {
  Hello();
  Say(Frame(kGoaway, 0, 0, BigEndian(0x7fffffff, 4) + BigEndian(0, 4)));
  EXPECT_EQ(session_->violation(), "");
  EXPECT_TRUE(session_->over());
}

TEST_F(Http2SessionBoundsTest, Streams) {
  Hello();
  const int most = static_cast<int>(AbuseGuard::kMaxStreams);
  EXPECT_EQ(Until(most + 9, [](int i) { return Open(2 * i + 1); }), most + 1);
  EXPECT_EQ(session_->violation(), "streams");
}

TEST_F(Http2SessionBoundsTest, FewerStreamsBeforeSettingsAreAcknowledged) {
  Hello(false);
  const int most = static_cast<int>(AbuseGuard::kMaxStreamsAtFirst);
  EXPECT_EQ(Until(most + 9, [](int i) { return Open(2 * i + 1); }), most + 1);
  EXPECT_EQ(session_->violation(), "streams");
}

TEST_F(Http2SessionBoundsTest, UnfinishedRequestsOfAnIp) {
  Hello();
  share_->unfinished += Http2Session::kMaxUnfinishedOfAnIp - 5;
  EXPECT_EQ(Until(9, [](int i) { return Open(2 * i + 1); }), 6);
  EXPECT_EQ(session_->violation(), "streams");
  session_.reset();
  EXPECT_EQ(share_->unfinished, Http2Session::kMaxUnfinishedOfAnIp - 5);
}

TEST_F(Http2SessionBoundsTest, Resets) {
  Hello();
  EXPECT_EQ(
      Until(999, [](int i) { return Open(2 * i + 1) + Reset(2 * i + 1); }),
      AbuseGuard::kResets.start + 1);
  EXPECT_EQ(session_->violation(), "resets");
}

TEST_F(Http2SessionBoundsTest, ResetsOfAnswersThatHaveNotLeft) {
  Hello();
  EXPECT_EQ(Until(999,
                  [](int i) {
                    return Whole(2 * i + 1, "/a/None") + Reset(2 * i + 1);
                  }),
            AbuseGuard::kResets.start + 1);
  EXPECT_EQ(session_->violation(), "resets");
}

TEST_F(Http2SessionBoundsTest, ResetsThatCallsHaveEarned) {
  Hello();
  EXPECT_EQ(Until(2'000,
                  [](int i) {
                    return i % 2 == 0 ? Whole(2 * i + 1, "/a/Echo")
                                      : Open(2 * i + 1) + Reset(2 * i + 1);
                  }),
            2'000);
}

TEST_F(Http2SessionBoundsTest, ResetsThatTheServerIsMadeToSend) {
  Hello();
  // A window that grows over what a window can be.
  EXPECT_EQ(Until(999,
                  [](int i) {
                    return Open(2 * i + 1) + Frame(kWindowUpdate, 0, 2 * i + 1,
                                                   BigEndian(0x7fffffff, 4));
                  }),
            AbuseGuard::kResets.start + 1);
  EXPECT_EQ(session_->violation(), "resets");
}

TEST_F(Http2SessionBoundsTest, Frames) {
  for (const std::string& said :
       {Frame(kPing, 0, 0, "12345678"), Frame(kSettings, 0, 0),
        Frame(kPriority, 0, 3, "12345"), Frame(0x77, 0, 0, "what"),
        Frame(kWindowUpdate, 0, 0, BigEndian(1, 4))}) {
    Hello();
    EXPECT_LE(Until(999, [&](int) { return said; }),
              AbuseGuard::kFrames.start + 1);
    EXPECT_EQ(session_->violation(), "frames");
  }
  Hello();
  Say(Open(1));
  EXPECT_LE(Until(999, [](int) { return Frame(kData, 0, 1); }),
            AbuseGuard::kFrames.start + 1);
  EXPECT_EQ(session_->violation(), "frames");
}

TEST_F(Http2SessionBoundsTest, HonestFrames) {
  Hello();
  EXPECT_EQ(Until(5'000,
                  [](int i) {
                    return Whole(2 * i + 1, "/a/Echo") +
                           Frame(kPing, 0, 0, "12345678") +
                           Frame(kWindowUpdate, 0, 0, BigEndian(1, 4));
                  }),
            5'000);
}

TEST_F(Http2SessionBoundsTest, BytesByThemselves) {
  Hello();
  uint32_t id = 1;
  const auto say_whole = [&](int) {
    for (const char byte : Whole(std::exchange(id, id + 2), "/a/Echo"))
      Say(std::string(1, byte));
    return std::string();
  };
  EXPECT_GT(Until(1'000, say_whole), 2);
  EXPECT_EQ(session_->violation(), "frames");
}

TEST_F(Http2SessionBoundsTest, Headers) {
  Hello();
  const std::string fields = Request("/a/Echo");
  Say(Frame(kHeaders, 0, 1, fields));
  EXPECT_EQ(Until(99, [](int) { return Frame(kContinuation, 0, 1); }),
            AbuseGuard::kMaxContinuations + 1);
  EXPECT_EQ(session_->violation(), "headers");
  Hello();
  Say(Frame(kHeaders, 0, 1, fields));
  Say(Frame(kContinuation, 0, 1, HpackField("x", std::string(16'000, 'x'))));
  EXPECT_EQ(session_->violation(), "");
  Say(Frame(kContinuation, 0, 1, HpackField("x", std::string(400, 'x'))));
  EXPECT_EQ(session_->violation(), "headers");
}

TEST_F(Http2SessionBoundsTest, Bytes) {
  Hello();
  const std::string large =
      Message(std::string(kMaxMessage, 'x')).substr(0, 60'000);
  EXPECT_EQ(Until(100,
                  [&](int i) {
                    const uint32_t id = 2 * i + 1;
                    std::string said = Open(id);
                    for (size_t at = 0; at < large.size(); at += 15'000)
                      said += Frame(kData, 0, id, large.substr(at, 15'000));
                    return said;
                  }),
            18);
  EXPECT_EQ(session_->violation(), "bytes");
}

TEST_F(Http2SessionBoundsTest, Settings) {
  Hello(false);
  EXPECT_TRUE(Wait(AbuseGuard::kSettingsTime));
  EXPECT_FALSE(Wait(absl::Seconds(1)));
  EXPECT_EQ(session_->violation(), "settings");
}

TEST_F(Http2SessionBoundsTest, Slow) {
  Hello();
  Say(Open(1));
  EXPECT_TRUE(Wait(Http2Session::kRequestTime));
  EXPECT_FALSE(Wait(absl::Seconds(1)));
  EXPECT_EQ(session_->violation(), "slow");
}

TEST_F(Http2SessionBoundsTest, ACallMayTakeItsTime) {
  Hello();
  Say(Whole(1, "/a/Hang"));
  EXPECT_TRUE(Wait(absl::Hours(1)));
  FinishHanging();
}

// Answers that nobody takes: no window, so they stay here.
TEST_F(Http2SessionBoundsTest, Unread) {
  Start();
  Say(absl::StrCat(kClientMagic,
                   Frame(kSettings, 0, 0, BigEndian(4, 2) + BigEndian(0, 4)),
                   Frame(kSettings, kAck, 0)));
  Say(Whole(1, "/a/Echo"));
  EXPECT_GT(share_->waiting, 0);
  EXPECT_TRUE(Wait(Http2Session::kTakingTime));
  EXPECT_FALSE(Wait(absl::Seconds(1)));
  EXPECT_EQ(session_->violation(), "unread");
  session_.reset();
  EXPECT_EQ(share_->waiting, 0);
}

// An answer that is taken a byte at a time: each byte is a frame of ours, and
// costs one of theirs.
TEST_F(Http2SessionBoundsTest, WindowsOfOneByte) {
  Start();
  Say(absl::StrCat(kClientMagic,
                   Frame(kSettings, 0, 0, BigEndian(4, 2) + BigEndian(0, 4)),
                   Frame(kSettings, kAck, 0)));
  Say(Open(1) + Frame(kData, kEndStream, 1, Message(std::string(9'000, 'x'))));
  EXPECT_LE(
      Until(8'000,
            [](int) { return Frame(kWindowUpdate, 0, 1, BigEndian(1, 4)); }),
      AbuseGuard::kFrames.start + AbuseGuard::kFramesOfACall + 1);
  EXPECT_EQ(session_->violation(), "frames");
}

// One that is taken in pieces as small as the usual window.
TEST_F(Http2SessionBoundsTest, WindowsOfALargeAnswer) {
  methods_["/a/Large"] =
      TestMethod({.message = [](Call& call, absl::string_view) {
        call.Reply(std::string(8 << 20, 'x'));
      }});
  Start();
  H2Client client;
  const int32_t id = client.Call("/a/Large", GrpcMessage("x"));
  Exchange(client);
  EXPECT_EQ(client.answer(id).status(), 0);
  EXPECT_EQ(session_->violation(), "");
}

// Each message of a stream asks for more than the client takes.
TEST_F(Http2SessionBoundsTest, NoMoreMessagesWhileTooMuchIsUnread) {
  int asked = 0;
  methods_["/a/Chat"] =
      TestMethod({.message =
                      [&](Call& call, absl::string_view) {
                        ++asked;
                        call.Write(std::string(50'000, 'x'));
                      },
                  .cancel = [](Call& call) { call.Finish({}); }},
                 true);
  Start();
  H2Client client(0);
  const int32_t id = client.Call("/a/Chat", "", false);
  for (int i = 0; i < 1'000; ++i) client.Send(id, GrpcMessage("x"), false);
  Exchange(client);
  EXPECT_GT(asked, 10);
  EXPECT_LT(share_->waiting, Http2Session::kMaxWaiting + 60'000);
  client.Widen(0, 1 << 30);
  client.Widen(id, 1 << 30);
  Exchange(client);
  EXPECT_EQ(client.answer(id).status(), 8);
}

TEST_F(Http2SessionBoundsTest, NoMoreCallsWhileTooMuchIsUnread) {
  Start();
  H2Client client(0);
  const int32_t first = client.Call("/a/Echo", GrpcMessage("x"));
  Exchange(client);
  share_->waiting += Http2Session::kMaxWaitingOfAnIp;
  const int32_t second = client.Call("/a/Echo", GrpcMessage("x"));
  Exchange(client);
  EXPECT_EQ(client.answer(second).status(), 8);
  EXPECT_FALSE(client.answer(first).closed);
  client.Widen(first, 100);
  Exchange(client);
  EXPECT_EQ(client.answer(first).status(), 0);
  EXPECT_EQ(share_->waiting, Http2Session::kMaxWaitingOfAnIp);
}

}  // namespace
}  // namespace wxident

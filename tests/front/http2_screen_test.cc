#include "server/front/http2_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

using ::testing::ElementsAreArray;
using ::testing::UnorderedElementsAre;

constexpr int kStreams = Http2Screen::kMaxStreams;
constexpr int kFrames = Http2Screen::kFrames.start;
constexpr int kResets = Http2Screen::kResets.start;
constexpr absl::Duration kMoment = absl::Nanoseconds(1);

std::string Text(size_t size) { return std::string(size, 'x'); }
std::string Open(uint32_t stream, uint8_t flags = 0, size_t block = 40) {
  return Frame(kHeaders, kEndHeaders | flags, stream, Text(block));
}
std::string Continued(size_t block) {
  return Frame(kContinuation, 0, 1, Text(block));
}
std::string Data(uint32_t stream, size_t size, uint8_t flags = 0) {
  return Frame(kData, flags, stream, Text(size));
}
std::string Reset(uint32_t stream, uint32_t code = 8) {
  return Frame(kRstStream, 0, stream, BigEndian(code, 4));
}
std::string Settings(uint8_t flags = 0) { return Frame(kSettings, flags, 0); }
std::string Ping(uint8_t flags = 0) { return Frame(kPing, flags, 0, Text(8)); }
std::string Window(uint32_t stream) {
  return Frame(kWindowUpdate, 0, stream, BigEndian(100, 4));
}
std::string Call(uint32_t stream) {
  return Open(stream) + Data(stream, 20, kEndStream);
}
// What the server says to a call.
std::string Answer(uint32_t stream) {
  return Open(stream) + Data(stream, 20) + Open(stream, kEndStream);
}
std::string Failure(uint32_t stream) { return Open(stream, kEndStream); }

// One connection, whose client has greeted and, unless told otherwise,
// acknowledged the server's settings. What it returns is what is wrong.
class Talk {
 public:
  explicit Talk(IpCounts& ip, bool settled = true) : screen(ip) {
    EXPECT_EQ(Client(kClientMagic), "");
    if (settled) EXPECT_EQ(Turn("", Settings(), Settings(kAck)), "");
  }

  std::string Client(absl::string_view bytes) {
    return std::string(screen.OnClient(bytes, now));
  }
  std::string Server(absl::string_view bytes) {
    return std::string(screen.OnServer(bytes, now));
  }
  std::string Tick() { return std::string(screen.OnTime(now)); }
  std::string Turn(absl::string_view client, absl::string_view server,
                   absl::string_view client_again = "") {
    std::string wrong = Client(client);
    if (wrong.empty()) wrong = Server(server);
    return wrong.empty() ? Client(client_again) : wrong;
  }

  uint32_t Next() { return last_ += 2; }
  std::string OpenNext(int count) {
    std::string bytes;
    while (count-- > 0) bytes += Open(Next());
    return Client(bytes);
  }
  std::string AnswerNext() {
    const uint32_t stream = Next();
    return Turn(Call(stream), Answer(stream));
  }
  std::string ResetNext() {
    const uint32_t stream = Next();
    return Client(Open(stream) + Reset(stream));
  }

  Http2Screen screen;
  absl::Duration now;

 private:
  uint32_t last_ = -1;
};

// How often it goes well, and what is wrong then: "3 frames".
std::string Allowed(const std::function<std::string()>& turn) {
  for (int turns = 0; turns < 5000; ++turns) {
    const std::string wrong = turn();
    if (!wrong.empty()) return absl::StrCat(turns, " ", wrong);
  }
  return "always";
}

class Http2ScreenTest : public ::testing::Test {
 protected:
  static std::string AllowedResets(Talk& talk) {
    return Allowed([&] { return talk.ResetNext(); });
  }
  static std::string AllowedPings(Talk& talk) {
    return Allowed([&] { return talk.Client(Ping()); });
  }

  IpCounts ip_;
  const std::atomic<int>& unfinished_ = ip_.unfinished;
  Talk talk_{ip_};
};

std::vector<absl::string_view> Pieces(absl::string_view bytes, size_t size) {
  std::vector<absl::string_view> out;
  for (size_t at = 0; at < bytes.size(); at += size)
    out.push_back(bytes.substr(at, size));
  return out;
}

// Everything that a reader finds in `bytes`, given in pieces.
std::vector<std::string> FramesIn(absl::string_view bytes, size_t size) {
  Http2FrameReader reader;
  std::vector<std::string> out;
  for (absl::string_view piece : Pieces(bytes, size))
    reader.Read(piece, [&](const Http2Frame& frame) {
      out.push_back(absl::StrCat(frame.length, " ", frame.type, " ",
                                 frame.flags, " ", frame.stream, " ",
                                 absl::Hex(frame.head)));
      return true;
    });
  return out;
}

TEST(Http2FrameReaderTest, FindsFramesAndNothingInTheirPayload) {
  std::string payload = "\xa1\xb2\xc3\xd4";
  for (int i = 0; i < 6000; ++i) payload += Reset(1);
  const std::vector<std::string> heads = {"0", "a1", "a1b2", "a1b2c3"};
  std::string bytes;
  std::vector<std::string> due;
  for (size_t size : {0, 1, 2, 3, 4, 5, 13, 300, 70'000}) {
    // The first bit of a stream's number means nothing.
    bytes += Frame(3, 7, 0xfedcba98, payload.substr(0, size));
    due.push_back(absl::StrCat(size, " 3 7 ", 0x7edcba98, " ",
                               size < 4 ? heads[size] : "a1b2c3d4"));
  }
  for (size_t size : {1, 2, 3, 5, 9, 10, 13, 1000, 100'000})
    EXPECT_THAT(FramesIn(bytes, size), ElementsAreArray(due)) << size;
}

TEST_F(Http2ScreenTest, TheGreetingMayComeInPieces) {
  const std::string bytes = kClientMagic + Settings() + Open(1);
  for (size_t size : {1, 5, 23, 24, 100}) {
    Http2Screen screen(ip_);
    size_t said = 0;
    for (absl::string_view piece : Pieces(bytes, size)) {
      EXPECT_EQ(screen.greeted(), said >= 24);
      EXPECT_EQ(screen.OnClient(piece, {}), "");
      said += piece.size();
    }
    EXPECT_TRUE(screen.greeted());
    EXPECT_EQ(screen.streams(), 1u);
  }
}

TEST_F(Http2ScreenTest, NothingElseIsAGreeting) {
  std::vector<std::string> bad = {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01"};
  for (size_t i = 0; i < 24; ++i) {
    bad.push_back(kClientMagic);
    bad.back()[i] ^= 0x20;
  }
  for (const std::string& bytes : bad)
    for (size_t size : {1, 5, 100}) {
      Http2Screen screen(ip_);
      std::string wrong;
      for (absl::string_view piece : Pieces(bytes, size))
        if (wrong.empty()) wrong = std::string(screen.OnClient(piece, {}));
      EXPECT_EQ(wrong, "preface") << bytes;
      EXPECT_FALSE(screen.greeted());
    }
}

TEST_F(Http2ScreenTest, AnHonestConversationIsNeverCut) {
  ASSERT_EQ(talk_.Turn(Settings(), Settings(), Settings(kAck)), "");
  for (int round = 0; round < 20; ++round) {
    std::vector<uint32_t> calls;
    for (int i = 0; i < kStreams; ++i) {
      calls.push_back(talk_.Next());
      ASSERT_EQ(talk_.Client(Call(calls.back()) + Ping()), "");
    }
    for (uint32_t stream : calls) {
      ASSERT_EQ(talk_.Server(Ping(kAck) + Answer(stream) + Ping()), "");
      ASSERT_EQ(talk_.Client(Ping(kAck) + Window(stream) + Window(0)), "");
    }
  }
  EXPECT_EQ(talk_.Tick(), "");
  EXPECT_EQ(talk_.screen.streams(), 0u);
  EXPECT_EQ(unfinished_, 0);
}

TEST_F(Http2ScreenTest, TellsWhenItsFirstCallIsAnswered) {
  ASSERT_EQ(talk_.ResetNext(), "");
  const uint32_t stream = talk_.Next();
  ASSERT_EQ(talk_.Turn(Call(stream), Open(stream)), "");
  EXPECT_EQ(ip_.useful, 0);
  ASSERT_EQ(talk_.Server(Open(stream, kEndStream)), "");
  EXPECT_EQ(ip_.useful, 1);
  ASSERT_EQ(talk_.AnswerNext(), "");
  EXPECT_EQ(ip_.useful, 1);
}

TEST_F(Http2ScreenTest, WhatGrpcEndsForTheClientsFaultWasNoUse) {
  ASSERT_EQ(talk_.AnswerNext(), "");
  talk_.screen.OnServerEnd(talk_.now);
  EXPECT_EQ(ip_.useful, 0);
  // Nothing was answered.
  Talk other(ip_);
  other.screen.OnServerEnd(other.now);
  EXPECT_EQ(ip_.useful, 0);
}

TEST_F(Http2ScreenTest, WhatGrpcEndsForReasonsOfItsOwnWasOfUse) {
  ASSERT_EQ(talk_.AnswerNext(), "");
  ASSERT_EQ(talk_.Server(Frame(kGoaway, 0, 0, Text(8))), "");
  talk_.screen.OnServerEnd(talk_.now);
  EXPECT_EQ(ip_.useful, 1);
  // The client has gone.
  Talk other(ip_);
  ASSERT_EQ(other.AnswerNext(), "");
  other.now += Http2Screen::kSilence;
  other.screen.OnServerEnd(other.now);
  EXPECT_EQ(ip_.useful, 2);
}

TEST_F(Http2ScreenTest, AnHonestClientMayResetHalfOfItsCalls) {
  const auto two_calls = [&] { return talk_.AnswerNext() + talk_.ResetNext(); };
  EXPECT_EQ(Allowed(two_calls), "always");
}

TEST_F(Http2ScreenTest, AnHonestClientMayLoseAllItsCallsToTheirDeadlines) {
  uint32_t stream = 1;
  for (int round = 0; round < 40; ++round) {
    ASSERT_EQ(talk_.OpenNext(kStreams), "");
    talk_.now += Http2Screen::kChance;
    for (int i = 0; i < kStreams; ++i, stream += 2)
      ASSERT_EQ(talk_.Client(Reset(stream)), "") << round;
  }
}

TEST_F(Http2ScreenTest, ALongStreamOfTheServersIsNeverCut) {
  ASSERT_EQ(talk_.Turn(Call(1), Open(1)), "");
  for (int i = 0; i < 10'000; ++i)
    ASSERT_EQ(talk_.Turn(Ping(), Data(1, 20), Ping(kAck) + Window(1)), "") << i;
}

TEST_F(Http2ScreenTest, OneStreamTooManyIsTooMany) {
  // That the client has finished its requests, not the server, is not enough.
  EXPECT_EQ(Allowed([&] { return talk_.Client(Call(talk_.Next())); }),
            absl::StrCat(kStreams, " streams"));
}

TEST_F(Http2ScreenTest, FewerStreamsDoUntilOurSettingsAreAcknowledged) {
  constexpr int kFewer = Http2Screen::kMaxStreamsAtFirst;
  Talk talk(ip_, /*settled=*/false);
  // An acknowledgement of nothing is none.
  ASSERT_EQ(talk.Client(Settings(kAck)), "");
  ASSERT_EQ(talk.Server(Settings()), "");
  EXPECT_EQ(talk.OpenNext(kFewer), "");
  Talk other(ip_, /*settled=*/false);
  EXPECT_EQ(other.OpenNext(kFewer + 1), "streams");
  ASSERT_EQ(talk.Client(Settings(kAck)), "");
  EXPECT_EQ(talk.OpenNext(kStreams - kFewer), "");
  EXPECT_EQ(talk.OpenNext(1), "streams");
}

TEST_F(Http2ScreenTest, AStreamThatHasEndedIsNone) {
  ASSERT_EQ(talk_.OpenNext(kStreams), "");
  EXPECT_EQ(talk_.Client(Reset(1)), "");
  EXPECT_EQ(talk_.Server(Reset(3)), "");
  EXPECT_EQ(talk_.Server(Answer(5)), "");
  EXPECT_EQ(talk_.Server(Data(7, 0, kEndStream)), "");
  EXPECT_EQ(talk_.screen.streams(), Http2Screen::kMaxStreams - 4);
  EXPECT_EQ(talk_.OpenNext(4), "");
  EXPECT_EQ(talk_.OpenNext(1), "streams");
}

TEST_F(Http2ScreenTest, UnfinishedRequestsOfAnIpAreCountedTogether) {
  std::vector<std::unique_ptr<Talk>> talks;
  while (unfinished_ < Http2Screen::kMaxUnfinishedOfAnIp) {
    talks.push_back(std::make_unique<Talk>(ip_));
    ASSERT_EQ(talks.back()->OpenNext(kStreams), "");
  }
  EXPECT_EQ(Talk(ip_).OpenNext(1), "streams");
  // Those that have ended make room, and each of them only once.
  EXPECT_EQ(talks[0]->Client(Data(1, 0, kEndStream)), "");
  EXPECT_EQ(talks[0]->Client(Open(3, kEndStream)), "");
  EXPECT_EQ(talks[0]->Client(Reset(5)), "");
  EXPECT_EQ(talks[0]->Server(Reset(7)), "");
  EXPECT_EQ(talks[0]->Server(Answer(9) + Answer(1) + Reset(3)), "");
  EXPECT_EQ(unfinished_, Http2Screen::kMaxUnfinishedOfAnIp - 5);
  EXPECT_EQ(Talk(ip_).OpenNext(5), "");
  EXPECT_EQ(Talk(ip_).OpenNext(6), "streams");
  talks.pop_back();
  EXPECT_EQ(Talk(ip_).OpenNext(kStreams), "");
  talks.clear();
  EXPECT_EQ(unfinished_, 0);
}

TEST_F(Http2ScreenTest, ResetsWithoutAChanceAreFew) {
  EXPECT_EQ(AllowedResets(talk_), absl::StrCat(kResets, " resets"));
  // Just too soon is too soon.
  Talk other(ip_);
  ASSERT_EQ(other.OpenNext(kResets + 1), "");
  other.now += Http2Screen::kChance - kMoment;
  uint32_t stream = -1;
  EXPECT_EQ(Allowed([&] { return other.Client(Reset(stream += 2)); }),
            absl::StrCat(kResets, " resets"));
}

TEST_F(Http2ScreenTest, ResetsOfAnsweredRequestsAreFree) {
  const auto call = [&] {
    const uint32_t stream = talk_.Next();
    return talk_.Turn(Call(stream), Open(stream), Reset(stream));
  };
  EXPECT_EQ(Allowed(call), "always");
}

TEST_F(Http2ScreenTest, AnsweredCallsEarnResets) {
  for (int i = 0; i < kResets; ++i) ASSERT_EQ(talk_.ResetNext(), "");
  for (int i = 0; i < 10; ++i) ASSERT_EQ(talk_.AnswerNext(), "");
  EXPECT_EQ(AllowedResets(talk_), "10 resets");
}

TEST_F(Http2ScreenTest, AllowancesGrowWithTime) {
  for (int i = 0; i < kResets; ++i) ASSERT_EQ(talk_.ResetNext(), "");
  for (int i = 0; i < kFrames; ++i) ASSERT_EQ(talk_.Client(Ping()), "");
  talk_.now += absl::Seconds(2);
  for (int i = 0; i < 2 * Http2Screen::kResets.per_second; ++i)
    ASSERT_EQ(talk_.ResetNext(), "");
  EXPECT_EQ(AllowedPings(talk_),
            absl::StrCat(2 * Http2Screen::kFrames.per_second, " frames"));
}

TEST_F(Http2ScreenTest, AllowancesHaveABound) {
  Talk other(ip_);
  for (Talk* talk : {&talk_, &other})
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(talk->AnswerNext(), "");
  EXPECT_EQ(AllowedResets(talk_),
            absl::StrCat(Http2Screen::kResets.most, " resets"));
  EXPECT_EQ(AllowedPings(other),
            absl::StrCat(Http2Screen::kFrames.most, " frames"));
}

TEST_F(Http2ScreenTest, ANewConnectionHasEarnedNothing) {
  Talk other(ip_);
  talk_.now = other.now = absl::Hours(24);
  EXPECT_EQ(AllowedPings(talk_), absl::StrCat(kFrames, " frames"));
  EXPECT_EQ(AllowedResets(other), absl::StrCat(kResets, " resets"));
}

TEST_F(Http2ScreenTest, TheServersResetsCountWhenTheClientIsToBlame) {
  for (uint32_t code : {0, 1, 3, 5, 7, 8}) {
    Talk talk(ip_);
    const auto call = [&] {
      const uint32_t stream = talk.Next();
      return talk.Turn(Call(stream), Reset(stream, code));
    };
    const bool blamed = code == 1 || code == 3 || code == 5;
    EXPECT_EQ(Allowed(call),
              blamed ? absl::StrCat(kResets, " resets") : "always")
        << code;
  }
}

TEST_F(Http2ScreenTest, FramesThatOnlyCostAreFew) {
  // The server has ended stream 1, and 3 goes on.
  for (const std::string& frame :
       {Ping(), Ping(kAck), Settings(), Settings(kAck), Window(0), Window(3),
        Frame(kPriority, 0, 3, Text(5)), Frame(kGoaway, 0, 0, Text(8)),
        // No known type.
        Frame(0xfa, 0, 3),
        // Empty, tiny or padded.
        Data(3, 0), Data(3, 63), Data(3, 200, kPadded),
        // In the middle of a request.
        Open(3),
        // Of streams that have ended, are idle, or would be the server's.
        Data(1, 200), Open(1), Reset(1), Data(5, 200), Reset(5), Open(4)}) {
    Talk talk(ip_);
    ASSERT_EQ(talk.Turn(Open(1), Reset(1), Open(3)), "");
    EXPECT_EQ(Allowed([&] { return talk.Client(frame); }),
              absl::StrCat(kFrames, " frames"))
        << ::testing::PrintToString(frame);
  }
}

TEST_F(Http2ScreenTest, ContinuationsOnlyCost) {
  const std::string two = Continued(9) + Continued(9);
  const auto request = [&] { return talk_.Client(Open(talk_.Next()) + two); };
  EXPECT_EQ(Allowed(request), absl::StrCat(kFrames / 2, " frames"));
}

TEST_F(Http2ScreenTest, FramesOfWorkAreFree) {
  ASSERT_EQ(talk_.Client(Open(1)), "");
  const auto work = [&] {
    return talk_.Turn(Data(1, 64), Settings(), Settings(kAck));
  };
  EXPECT_EQ(Allowed(work), "always");
}

TEST_F(Http2ScreenTest, AnsweredCallsAndMessagesEarnFrames) {
  const double call = Http2Screen::kFramesOfACall;
  const double message = Http2Screen::kFramesOfAMessage;
  for (const auto& [answer, due] : {std::pair(Answer(1), call + message),
                                    {Failure(1), call},
                                    {Open(1) + Data(1, 9), message},
                                    {Open(1), 0.}}) {
    Talk talk(ip_);
    ASSERT_EQ(talk.Client(Call(1)), "");
    for (int i = 0; i < kFrames; ++i) ASSERT_EQ(talk.Client(Ping()), "");
    ASSERT_EQ(talk.Server(answer), "");
    EXPECT_EQ(AllowedPings(talk), absl::StrCat(due, " frames"));
  }
}

TEST_F(Http2ScreenTest, ABlockOfFieldsHasABound) {
  constexpr uint32_t kMost = Http2Screen::kMaxHeaderBlock;
  EXPECT_EQ(Talk(ip_).Client(Open(1, 0, kMost + 1)), "headers");
  // Each begins anew.
  EXPECT_EQ(talk_.Client(Open(1, 0, kMost)), "");
  EXPECT_EQ(talk_.Client(Open(3, 0, kMost - 1) + Continued(1)), "");
  EXPECT_EQ(talk_.Client(Open(5, 0, kMost - 2) + Continued(1)), "");
  EXPECT_EQ(talk_.Client(Continued(2)), "headers");
}

TEST_F(Http2ScreenTest, ABlockOfFieldsComesInFewFrames) {
  for (uint32_t stream : {1, 3}) {
    ASSERT_EQ(talk_.Client(Open(stream)), "");
    for (int i = 0; i < Http2Screen::kMaxContinuations; ++i)
      ASSERT_EQ(talk_.Client(Continued(0)), "");
  }
  EXPECT_EQ(talk_.Client(Continued(0)), "headers");
}

TEST_F(Http2ScreenTest, UnfinishedRequestsHaveABoundTogether) {
  constexpr size_t kPart = Http2Screen::kMaxUnfinishedBytes / 16;
  for (int i = 0; i < 16; ++i) {
    const uint32_t stream = talk_.Next();
    ASSERT_EQ(talk_.Client(Open(stream) + Data(stream, kPart)), "");
  }
  // One that ends gives its bytes back.
  const std::string more = Data(talk_.Next(), kPart);
  ASSERT_EQ(talk_.Client(Open(33)), "");
  EXPECT_EQ(talk_.Client(Data(1, 100, kEndStream) + more), "");
  EXPECT_EQ(talk_.Client(Open(3, kEndStream) + more), "");
  EXPECT_EQ(talk_.Turn(Reset(5) + more, Reset(7), more), "");
  EXPECT_EQ(talk_.Turn("", Answer(9), more), "");
  EXPECT_EQ(talk_.Client(Data(11, 1)), "bytes");
}

TEST_F(Http2ScreenTest, WhatFollowsTheEndOfARequestIsAViolation) {
  for (const std::string& request : {Call(1), Open(1, kEndStream)})
    for (const std::string& more :
         {Data(1, 100), Data(1, 0, kEndStream), Open(1), Open(1, kEndStream)}) {
      Talk talk(ip_);
      ASSERT_EQ(talk.Client(request), "");
      EXPECT_EQ(talk.Client(more), "protocol");
    }
}

TEST_F(Http2ScreenTest, WhatFollowsTheServersEndIsNoViolation) {
  for (const std::string& end : {Answer(1), Failure(1), Reset(1)})
    EXPECT_EQ(Talk(ip_).Turn(Call(1), end, Data(1, 100) + Open(1, kEndStream)),
              "");
}

TEST_F(Http2ScreenTest, SettingsAreAcknowledgedInTime) {
  talk_.now = absl::Hours(1);
  ASSERT_EQ(talk_.Server(Settings()), "");
  talk_.now += Http2Screen::kSettingsTime;
  EXPECT_EQ(talk_.Tick(), "");
  // The server's acknowledgement is no settings.
  ASSERT_EQ(talk_.Turn(Settings(kAck), Settings(kAck)), "");
  talk_.now += absl::Hours(1);
  EXPECT_EQ(talk_.Tick(), "");
  // Of two, the second has its own time from the first one's end.
  ASSERT_EQ(talk_.Server(Settings() + Settings()), "");
  talk_.now += absl::Seconds(9);
  ASSERT_EQ(talk_.Client(Settings(kAck)), "");
  // The client's own are no acknowledgement.
  ASSERT_EQ(talk_.Client(Settings()), "");
  talk_.now += Http2Screen::kSettingsTime;
  EXPECT_EQ(talk_.Tick(), "");
  talk_.now += kMoment;
  EXPECT_EQ(talk_.Tick(), "settings");
}

TEST_F(Http2ScreenTest, ARequestEndsOrIsAnsweredInTime) {
  ASSERT_EQ(talk_.Turn(Call(1) + Open(3) + Open(5), Open(3) + Data(5, 100)),
            "");
  talk_.now += absl::Hours(1);
  EXPECT_EQ(talk_.Tick(), "");
  ASSERT_EQ(talk_.Client(Open(7)), "");
  talk_.now += Http2Screen::kRequestTime;
  EXPECT_EQ(talk_.Tick(), "");
  talk_.now += kMoment;
  // What is added to it does not help, nor what the server says of its window.
  ASSERT_EQ(talk_.Turn(Data(7, 100), Window(7)), "");
  EXPECT_EQ(talk_.Tick(), "slow");
}

// What the two sides say, in turns: calls that are answered, and more that have
// one sin.
std::vector<std::string> Sinful(size_t sin, std::mt19937& random) {
  std::vector<std::string> out;
  for (uint32_t stream = 1; stream < 1200; stream += 2) {
    const bool answered = random() % 4 == 0;
    const size_t some = random() % 9;
    std::string unknown;
    for (size_t i = 4 * some; i > 0; --i) unknown += Frame(0xfa, 0, 0, Text(i));
    const std::string sins[] = {
        Data(stream, 0, kEndStream) + (some == 0 ? Open(stream) : ""),
        Continued(900 * some) + Continued(1200 * some), unknown,
        some % 2 == 0 ? Reset(stream) : "", Data(stream, 4000 * some),
        // It is left open.
        ""};
    out.push_back(Open(stream, 0, random() % 100) +
                  (answered ? Data(stream, 50 * some, kEndStream) : sins[sin]));
    out.push_back(answered ? Answer(stream) : sin == 3 ? Reset(stream, 1) : "");
  }
  return out;
}

// What is wrong, and how much was said before and with the piece that was.
struct Verdict {
  std::string wrong;
  size_t before;
  size_t with;
};

Verdict Screened(const std::vector<std::string>& turns,
                 const std::function<size_t()>& size) {
  IpCounts ip;
  Talk talk(ip);
  size_t said = 0;
  bool client = false;
  for (absl::string_view turn : turns)
    for (client = !client; !turn.empty();) {
      const absl::string_view piece = turn.substr(0, size());
      turn.remove_prefix(piece.size());
      said += piece.size();
      const std::string wrong =
          client ? talk.Client(piece) : talk.Server(piece);
      if (!wrong.empty()) return {wrong, said - piece.size(), said};
    }
  return {"", said, said};
}

TEST(Http2ScreenPiecesTest, PiecesDecideNothing) {
  std::mt19937 random(1);
  const std::vector<std::function<size_t()>> sizes = {
      [] { return std::string::npos; }, [&] { return 1 + random() % 20; },
      [&] { return 1 + random() % 9000; }};
  std::set<std::string> verdicts;
  for (size_t i = 0; i < 30; ++i) {
    const std::vector<std::string> turns = Sinful(i % 6, random);
    const Verdict due = Screened(turns, [] { return 1; });
    verdicts.insert(due.wrong);
    for (const auto& size : sizes) {
      const Verdict verdict = Screened(turns, size);
      EXPECT_EQ(verdict.wrong, due.wrong);
      EXPECT_LE(verdict.before, due.before) << due.wrong;
      EXPECT_GE(verdict.with, due.with) << due.wrong;
    }
  }
  EXPECT_THAT(verdicts, UnorderedElementsAre("protocol", "headers", "frames",
                                             "resets", "bytes", "streams"));
}

}  // namespace
}  // namespace wxident

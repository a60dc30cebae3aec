// gRPC's protocol: what a client hears of its calls, and a handler of its
// client. What hostile clients do is in http2_session_bounds_test.cc.

#include "server/edge/http2_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/edge/session_fixture.h"

namespace wxident {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

enum Code {
  kOk = 0,
  kDeadlineExceeded = 4,
  kResourceExhausted = 8,
  kUnimplemented = 12,
  kInternal = 13
};

class Http2SessionTest : public SessionFixture {
 protected:
  // One call from its begin to its end.
  H2Answer CallOnce(const std::string& path, const std::string& body,
                    const H2Client::Fields& more = {}) {
    const int32_t id = client_.Call(path, body, true, more);
    Exchange(client_);
    return client_.answer(id);
  }

  H2Client client_;
};

TEST_F(Http2SessionTest, AnswersAtOnce) {
  Start();
  const H2Answer answer = CallOnce("/a/Echo", GrpcMessage("hello"));
  EXPECT_THAT(answer.messages, ElementsAre("hello"));
  EXPECT_EQ(answer.fields, (std::map<std::string, std::string>{
                               {":status", "200"},
                               {"content-type", "application/grpc"},
                               {"grpc-status", "0"}}));
  EXPECT_TRUE(answer.closed);
  EXPECT_EQ(answer.code, NGHTTP2_NO_ERROR);
  EXPECT_EQ(session_->streams(), 0u);
}

TEST_F(Http2SessionTest, TakesBytesInAnyPieces) {
  Start();
  const int32_t id = client_.Call("/a/Echo", GrpcMessage("hello"));
  ASSERT_TRUE(client_.Feed(Say(client_.TakeOutput(), 1)));
  EXPECT_THAT(client_.answer(id).messages, ElementsAre("hello"));
}

TEST_F(Http2SessionTest, AnswersOfOneBatchLeaveTogether) {
  Start();
  Exchange(client_);
  std::vector<int32_t> ids;
  for (int i = 0; i < 50; ++i)
    ids.push_back(client_.Call("/a/Echo", GrpcMessage(std::string(i, 'x'))));
  ASSERT_TRUE(client_.Feed(Say(client_.TakeOutput())));
  for (int i = 0; i < 50; ++i)
    EXPECT_THAT(client_.answer(ids[i]).messages,
                ElementsAre(std::string(i, 'x')));
}

TEST_F(Http2SessionTest, AnswersLaterFromAnotherThread) {
  Start();
  const int32_t id = client_.Call("/a/Hang", GrpcMessage("hello"));
  Exchange(client_);
  ASSERT_NE(hanging_, nullptr);
  EXPECT_THAT(client_.answer(id).fields, IsEmpty());
  std::thread([this] {
    hanging_->AddInitialMetadata("wxident-request-id", "7");
    hanging_->Write("one");
    hanging_->Write("two");
    hanging_->Finish({});
  }).join();
  Turns();
  EXPECT_EQ(gone_, 1);
  Exchange(client_);
  EXPECT_THAT(client_.answer(id).messages, ElementsAre("one", "two"));
  EXPECT_THAT(client_.answer(id).fields,
              Contains(Pair("wxident-request-id", "7")));
  EXPECT_EQ(client_.answer(id).status(), kOk);
  EXPECT_EQ(cancelled_, 0);
}

TEST_F(Http2SessionTest, AFailureIsOneBlockOfFields) {
  methods_["/a/Fail"] =
      TestMethod({.message = [](Call& call, absl::string_view) {
        call.AddInitialMetadata("wxident-request-id", "7");
        call.Finish({.code = absl::StatusCode::kAborted,
                     .message = "100 % gone\n\xe5\xbe\xae",
                     .details = std::string("\x08\x00\xff", 3),
                     .trailers = {{"grpc-retry-pushback-ms", "10"},
                                  {"odd-bin", std::string("\x00\x01", 2)}}});
      }});
  Start();
  const H2Answer answer = CallOnce("/a/Fail", GrpcMessage(""));
  EXPECT_EQ(answer.fields, (std::map<std::string, std::string>{
                               {":status", "200"},
                               {"content-type", "application/grpc"},
                               {"wxident-request-id", "7"},
                               {"grpc-status", "10"},
                               {"grpc-message", "100 %25 gone%0A%E5%BE%AE"},
                               {"grpc-status-details-bin", "CAD/"},
                               {"grpc-retry-pushback-ms", "10"},
                               {"odd-bin", "AAE"}}));
  EXPECT_THAT(answer.messages, IsEmpty());
}

TEST_F(Http2SessionTest, TellsTheHandlerWhatTheClientSaid) {
  peer_->ip = "192.0.2.7";
  peer_->port = 77;
  MetadataFields metadata;
  methods_["/a/See"] =
      TestMethod({.message = [&](Call& call, absl::string_view) {
        metadata = call.metadata();
        EXPECT_EQ(call.path(), "/a/See");
        EXPECT_EQ(call.peer().ip, "192.0.2.7");
        EXPECT_EQ(call.deadline(), loop_.now() + absl::Seconds(2));
        call.Finish({});
      }});
  Start();
  EXPECT_EQ(CallOnce("/a/See", GrpcMessage(""),
                     {{"user-agent", "u"},
                      {"grpc-timeout", "2000m"},
                      {"grpc-accept-encoding", "gzip"},
                      {"x", "1"},
                      {"x", "2"},
                      {"y-bin", "AAE"},
                      {"y-bin", "AAE=,/w"}})
                .status(),
            kOk);
  EXPECT_THAT(metadata,
              ElementsAre(Pair("user-agent", "u"), Pair("x", "1"),
                          Pair("x", "2"), Pair("y-bin", std::string("\0\1", 2)),
                          Pair("y-bin", std::string("\0\1", 2)),
                          Pair("y-bin", "\xff")));
}

TEST_F(Http2SessionTest, RefusesWhatIsNoCall) {
  Start();
  const auto request = [this](const std::string& method,
                              const std::string& type) {
    const int32_t id = client_.Request({{":method", method},
                                        {":scheme", "http"},
                                        {":path", "/a/Echo"},
                                        {":authority", "a"},
                                        {"content-type", type}},
                                       "", true);
    Exchange(client_);
    EXPECT_TRUE(client_.answer(id).closed);
    return client_.answer(id).fields;
  };
  EXPECT_THAT(request("POST", "application/json"),
              ElementsAre(Pair(":status", "415")));
  EXPECT_THAT(request("POST", "application/grpc-web"),
              ElementsAre(Pair(":status", "415")));
  EXPECT_THAT(request("GET", "application/grpc"),
              ElementsAre(Pair(":status", "405"), Pair("allow", "POST")));
}

TEST_F(Http2SessionTest, RefusesCallsThatCannotBe) {
  Start();
  const std::string body = GrpcMessage("x");
  EXPECT_EQ(CallOnce("/a/None", body).status(), kUnimplemented);
  EXPECT_EQ(CallOnce("/a/Echo", "").status(), kInternal);
  EXPECT_EQ(CallOnce("/a/Echo", body + body).status(), kInternal);
  EXPECT_EQ(CallOnce("/a/Echo", body.substr(0, 5)).status(), kInternal);
  EXPECT_EQ(CallOnce("/a/Echo", '\1' + body.substr(1)).status(), kInternal);
  EXPECT_EQ(CallOnce("/a/Echo", body, {{"grpc-timeout", "1y"}}).status(),
            kInternal);
  EXPECT_EQ(CallOnce("/a/Echo", body, {{"x-bin", "?"}}).status(), kInternal);
  const H2Answer compressed =
      CallOnce("/a/Echo", body, {{"grpc-encoding", "gzip"}});
  EXPECT_EQ(compressed.status(), kUnimplemented);
  EXPECT_THAT(compressed.fields,
              Contains(Pair("grpc-accept-encoding", "identity")));
  // And all that was this one connection's.
  EXPECT_EQ(CallOnce("/a/Echo", body).status(), kOk);
}

TEST_F(Http2SessionTest, RefusesALargeMessageBeforeItIsKept) {
  Start();
  EXPECT_EQ(
      CallOnce("/a/Echo", GrpcMessage(std::string(kMaxMessage, 'x'))).status(),
      kOk);
  // The first bytes are enough.
  const int32_t id = client_.Call(
      "/a/Echo", GrpcMessage(std::string(kMaxMessage + 1, 'x')).substr(0, 9),
      false);
  Exchange(client_);
  EXPECT_EQ(client_.answer(id).status(), kResourceExhausted);
  EXPECT_THAT(client_.answer(id).fields.at("grpc-message"),
              HasSubstr("65537 bytes"));
  // It need not send the rest.
  EXPECT_TRUE(client_.answer(id).closed);
  EXPECT_EQ(client_.answer(id).code, NGHTTP2_NO_ERROR);
}

TEST_F(Http2SessionTest, TooMuchMetadataIsThatCallsAlone) {
  Start();
  const std::string body = GrpcMessage("x");
  const std::string large(5'000, 'v');
  EXPECT_EQ(CallOnce("/a/Echo", body, {{"a", large}, {"b", large}}).status(),
            kResourceExhausted);
  // HPACK's table is as the client thinks it is.
  EXPECT_EQ(CallOnce("/a/Echo", body, {{"a", large}}).status(), kOk);
}

TEST_F(Http2SessionTest, TheDeadlineEndsTheCall) {
  Start();
  const int32_t id =
      client_.Call("/a/Hang", GrpcMessage(""), true, {{"grpc-timeout", "1S"}});
  Exchange(client_);
  clock_.Advance(absl::Milliseconds(999));
  Exchange(client_);
  EXPECT_FALSE(client_.answer(id).closed);
  EXPECT_FALSE(hanging_->cancelled());
  clock_.Advance(absl::Milliseconds(1));
  Turns();
  Exchange(client_);
  EXPECT_EQ(client_.answer(id).status(), kDeadlineExceeded);
  EXPECT_EQ(cancelled_, 1);
  EXPECT_TRUE(hanging_->cancelled());
  // The handler still finishes, which nobody hears.
  hanging_->Reply("late");
  Turns();
  EXPECT_EQ(gone_, 1);
}

TEST_F(Http2SessionTest, ADeadlineThatHasPassedStartsNothing) {
  Start();
  EXPECT_EQ(
      CallOnce("/a/Hang", GrpcMessage(""), {{"grpc-timeout", "0n"}}).status(),
      kDeadlineExceeded);
  EXPECT_EQ(hanging_, nullptr);
}

TEST_F(Http2SessionTest, TheClientCancels) {
  Start();
  const int32_t id = client_.Call("/a/Hang", GrpcMessage(""));
  Exchange(client_);
  client_.Reset(id);
  Exchange(client_);
  EXPECT_EQ(cancelled_, 1);
  EXPECT_EQ(session_->streams(), 0u);
  EXPECT_EQ(gone_, 0);
  hanging_->Finish({});
  Turns();
  EXPECT_EQ(gone_, 1);
}

TEST_F(Http2SessionTest, AnEndedConnectionCancels) {
  Start();
  client_.Call("/a/Hang", GrpcMessage(""));
  Exchange(client_);
  InLoop([this] { session_.reset(); });
  EXPECT_EQ(cancelled_, 1);
  EXPECT_EQ(calls_.unfinished, 1);
  std::thread([this] { hanging_->Reply("late"); }).join();
  Turns();
  EXPECT_EQ(gone_, 1);
}

TEST_F(Http2SessionTest, StreamsBothWays) {
  methods_["/a/Talk"] = TestMethod(
      {.message = [](Call& call,
                     absl::string_view m) { call.Write(absl::StrCat(m, "!")); },
       .half_close = [](Call& call) { call.Finish({}); }},
      true);
  Start();
  const int32_t id = client_.Call("/a/Talk", GrpcMessage("a"), false);
  Exchange(client_);
  EXPECT_THAT(client_.answer(id).messages, ElementsAre("a!"));
  client_.Send(id, GrpcMessage("b") + GrpcMessage("c"), false);
  Exchange(client_);
  EXPECT_THAT(client_.answer(id).messages, ElementsAre("a!", "b!", "c!"));
  EXPECT_FALSE(client_.answer(id).closed);
  client_.Send(id, "", true);
  Exchange(client_);
  EXPECT_EQ(client_.answer(id).status(), kOk);
  EXPECT_TRUE(client_.answer(id).closed);
}

TEST_F(Http2SessionTest, AWriterWaitsForItsClient) {
  int written = 0;
  methods_["/a/Pour"] = TestMethod(
      {.message = [&](Call& call,
                      absl::string_view) { call.Write(std::string(40, 'a')); },
       .written =
           [&](Call& call) {
             if (++written == 3) return call.Finish({});
             call.Write(std::string(40, 'b'));
           }});
  H2Client narrow(60);
  Start();
  const int32_t id = narrow.Call("/a/Pour", GrpcMessage(""));
  Exchange(narrow);
  EXPECT_EQ(written, 1);
  EXPECT_THAT(narrow.answer(id).messages, SizeIs(1));
  narrow.Widen(id, 60);
  Exchange(narrow);
  EXPECT_EQ(written, 2);
  narrow.Widen(id, 60);
  Exchange(narrow);
  EXPECT_EQ(written, 3);
  EXPECT_THAT(narrow.answer(id).messages, SizeIs(3));
  EXPECT_EQ(narrow.answer(id).status(), kOk);
}

TEST_F(Http2SessionTest, SaysGoodbyeInTwoSteps) {
  Start();
  const int32_t id = client_.Call("/a/Hang", GrpcMessage(""));
  Exchange(client_);
  InLoop([this] { session_->Drain(); });
  std::string said;
  InLoop([&] { session_->Produce(said, 1 << 20); });
  ASSERT_TRUE(client_.Feed(said));
  EXPECT_THAT(client_.goaways(), ElementsAre(Pair(0x7fffffff, 0)));
  // The client has answered the ping: it knows by now.
  Exchange(client_);
  EXPECT_THAT(client_.goaways(), ElementsAre(Pair(0x7fffffff, 0), Pair(id, 0)));
  EXPECT_FALSE(session_->over());
  hanging_->Reply("at last");
  Turns();
  Exchange(client_);
  EXPECT_THAT(client_.answer(id).messages, ElementsAre("at last"));
  EXPECT_TRUE(session_->over());
}

TEST_F(Http2SessionTest, CallsHearOfTheGoodbyeAndMayEndThen) {
  int drained = 0;
  methods_["/a/Watch"] = TestMethod({.drain = [&](Call& call) {
    ++drained;
    call.Finish({.code = absl::StatusCode::kUnavailable});
  }});
  Start();
  const int32_t running = client_.Call("/a/Watch", GrpcMessage(""));
  Exchange(client_);
  InLoop([this] { session_->Drain(); });
  // The client does not know of it yet.
  const int32_t late = client_.Call("/a/Watch", GrpcMessage(""));
  Exchange(client_);
  Exchange(client_);
  EXPECT_EQ(client_.answer(running).status(), 14);
  EXPECT_EQ(client_.answer(late).status(), 14);
  EXPECT_EQ(drained, 2);
  EXPECT_TRUE(session_->over());
}

TEST_F(Http2SessionTest, AGoodbyeDoesNotWaitForAPong) {
  Start();
  Exchange(client_);
  InLoop([this] { session_->Drain(); });
  std::string said;
  InLoop([&] { session_->Produce(said, 1 << 20); });
  EXPECT_TRUE(Wait(2 * Http2Session::kGoodbyeTime));
  InLoop([&] { session_->Produce(said, 1 << 20); });
  ASSERT_TRUE(client_.Feed(said));
  EXPECT_THAT(client_.goaways(), SizeIs(2));
  EXPECT_TRUE(session_->over());
}

}  // namespace
}  // namespace wxident

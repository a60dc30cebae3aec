// WatchAccessToken over the wire.

#include <grpc/grpc.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "tests/base/own_channel.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

class WatchAccessTokenTest : public ServiceTest {
 protected:
  // A watching client. What it does waits at most a minute.
  class Stream {
   public:
    Stream(v1::IdentityService::Stub& stub, const std::string& app) {
      v1::WatchAccessTokenRequest request;
      request.set_app_id(app);
      context_.set_deadline(std::chrono::system_clock::now() +
                            std::chrono::minutes(1));
      reader_ = stub.WatchAccessToken(&context_, request);
    }
    // The next token, or an empty one at the end.
    v1::WatchAccessTokenResponse Read() {
      v1::WatchAccessTokenResponse token;
      if (!reader_->Read(&token)) token.Clear();
      return token;
    }
    void Cancel() { context_.TryCancel(); }
    // Reads what is left.
    grpc::Status Finish() {
      v1::WatchAccessTokenResponse token;
      while (reader_->Read(&token)) {
      }
      return reader_->Finish();
    }

   private:
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientReader<v1::WatchAccessTokenResponse>> reader_;
  };

  std::unique_ptr<Stream> Watch(const std::string& app = kOfficial) {
    return std::make_unique<Stream>(*stub_, app);
  }
  // One of a caller with a connection of its own, of which each may have so
  // many streams, and reset so many.
  std::unique_ptr<v1::IdentityService::Stub> OwnStub() const {
    return v1::IdentityService::NewStub(OwnChannel(addr_));
  }

  // Replaces the app's token, and gives the new one's generation.
  int64_t Refresh(const std::string& app = kOfficial) {
    clock_.Advance(kForcedFetchesApart);
    return Answer(&Admin::RefreshAccessToken, "{" + Text("app_id", app) + "}")
        .generation();
  }

  bool HasMetric(const std::string& line) {
    return absl::StrContains(metrics_.Text(), absl::StrCat("\n", line, "\n"));
  }
  static std::string Watchers(int count, const std::string& app = kOfficial) {
    return absl::StrCat("wxident_watchers{app_id=\"", app, "\"} ", count);
  }
  static std::string Ended(const std::string& reason, int count) {
    return absl::StrCat("wxident_rpc_seconds_count{reason=\"", reason,
                        "\",rpc=\"WatchAccessToken\"} ", count);
  }
};

TEST_F(WatchAccessTokenTest, TellsTheCurrentTokenAndEachNewOne) {
  auto stream = Watch();
  const v1::WatchAccessTokenResponse first = stream->Read();
  EXPECT_EQ(first.access_token(), "token_1");
  EXPECT_EQ(first.generation(), 1);
  EXPECT_EQ(first.kind(), v1::ACCESS_TOKEN_KIND_APP);
  EXPECT_EQ(first.expire_time().seconds(),
            absl::ToUnixSeconds(clock_.Now() + absl::Hours(2)));
  EXPECT_TRUE(HasMetric(Watchers(1)));
  for (int64_t generation = 2; generation < 5; ++generation) {
    ASSERT_EQ(Refresh(), generation);
    const v1::WatchAccessTokenResponse next = stream->Read();
    EXPECT_EQ(next.access_token(), absl::StrCat("token_", generation));
    EXPECT_EQ(next.generation(), generation);
  }
  EXPECT_EQ(
      Answer(&Identity::GetAccessToken, "{" + Text("app_id", kOfficial) + "}")
          .access_token(),
      "token_4");
}

TEST_F(WatchAccessTokenTest, AnotherAppsTokenIsNotTold) {
  auto official = Watch(kOfficial);
  auto mini = Watch(kMini);
  EXPECT_EQ(official->Read().generation(), 1);
  EXPECT_EQ(mini->Read().generation(), 1);
  Refresh(kMini);
  EXPECT_EQ(mini->Read().generation(), 2);
  tokens_.EndWatches();
  EXPECT_EQ(official->Read().generation(), 0);
}

TEST_F(WatchAccessTokenTest, BadFieldsAreNamed) {
  const grpc::Status missing = Watch("")->Finish();
  EXPECT_EQ(missing.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(missing), "REQUEST_INVALID");
  const grpc::Status unknown = Watch("wx9999999999999999")->Finish();
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(unknown), "APP_UNKNOWN");
}

TEST_F(WatchAccessTokenTest, EndsWithTheErrorWhileThereIsNoToken) {
  wechat_.FailNextAt("token",
                     Error(Reason::kAppMisconfigured, "invalid appsecret")
                         .With("errcode", "40125")
                         .ToStatus());
  const grpc::Status status = Watch()->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "APP_MISCONFIGURED");
  Stop();
  EXPECT_TRUE(HasMetric(Watchers(0)));
  EXPECT_TRUE(HasMetric(Ended("APP_MISCONFIGURED", 1)));
}

TEST_F(WatchAccessTokenTest, ADrainEndsEveryStreamAndThoseThatComeLater) {
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 20; ++i) streams.push_back(Watch());
  for (auto& stream : streams) EXPECT_EQ(stream->Read().generation(), 1);
  tokens_.EndWatches();
  streams.push_back(Watch());
  for (auto& stream : streams) {
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  // No stream keeps the server.
  Stop();
  EXPECT_TRUE(HasMetric(Watchers(0)));
  EXPECT_TRUE(HasMetric(Ended("OK", 21)));
}

TEST_F(WatchAccessTokenTest, ACancelledStreamIsWatchedNoMore) {
  auto stream = Watch();
  auto other = Watch();
  EXPECT_EQ(stream->Read().generation(), 1);
  EXPECT_EQ(other->Read().generation(), 1);
  stream->Cancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  while (!HasMetric(Watchers(1))) std::this_thread::yield();
  Refresh();
  EXPECT_EQ(other->Read().generation(), 2);
  EXPECT_TRUE(HasMetric(Ended("CANCELLED", 1)));
}

TEST_F(WatchAccessTokenTest, AThousandWatchersAllGetTheNewToken) {
  std::vector<std::unique_ptr<v1::IdentityService::Stub>> stubs;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 1000; ++i) {
    if (i % 200 == 0) stubs.push_back(OwnStub());
    streams.push_back(std::make_unique<Stream>(*stubs.back(), kOfficial));
  }
  for (auto& stream : streams)
    ASSERT_EQ(stream->Read().access_token(), "token_1");
  EXPECT_TRUE(HasMetric(Watchers(1000)));
  ASSERT_EQ(Refresh(), 2);
  for (auto& stream : streams)
    ASSERT_EQ(stream->Read().access_token(), "token_2");
  EXPECT_EQ(wechat_.fetches(), 2);
  tokens_.EndWatches();
  for (auto& stream : streams) ASSERT_TRUE(stream->Finish().ok());
  Stop();
  EXPECT_TRUE(HasMetric(Watchers(0)));
}

TEST_F(WatchAccessTokenTest, AReaderThatSleepsWakesToTheNewestToken) {
  // A window of a few bytes: a write is under way until the client reads.
  grpc::ChannelArguments narrow;
  narrow.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 5);
  narrow.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  auto stub = v1::IdentityService::NewStub(grpc::CreateCustomChannel(
      addr_, grpc::InsecureChannelCredentials(), narrow));
  Stream stream(*stub, kOfficial);
  ASSERT_EQ(stream.Read().generation(), 1);
  constexpr int64_t kNewest = 15;
  while (Refresh() < kNewest) {
  }
  int told = 0;
  int64_t last = 1;
  while (last < kNewest) {
    const int64_t next = stream.Read().generation();
    ASSERT_GT(next, last);
    last = next;
    ++told;
  }
  EXPECT_LT(told, 5);
}

// Callers that come and go while tokens come. Under AddressSanitizer these show
// what is touched after its end.
class WatchAccessTokenRaceTest : public WatchAccessTokenTest {
 protected:
  WatchAccessTokenRaceTest() {
    Refresh(kOrdinary);
    tokens_thread_ = std::thread([this] {
      const App& app = *apps_.Find(kOrdinary);
      while (!over_) {
        // Within the day's budget, and no token expires.
        clock_.Advance(absl::Minutes(1));
        tokens_.Refresh(app, [this](absl::StatusOr<AccessToken> token) {
          if (token.ok()) newest_ = token->generation;
        });
      }
    });
  }
  void EndTokens() {
    over_ = true;
    tokens_thread_.join();
  }

  std::atomic<bool> over_{false};
  std::atomic<int64_t> newest_{0};
  std::thread tokens_thread_;
};

TEST_F(WatchAccessTokenRaceTest, CallersCancel) {
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller)
    callers.emplace_back([this, caller] {
      const auto stub = OwnStub();
      for (int i = 0; i < 100; ++i) {
        Stream stream(*stub, kOrdinary);
        int64_t last = 0;
        for (int read = 0; read < (i + caller) % 4; ++read) {
          const int64_t next = stream.Read().generation();
          EXPECT_GT(next, last);
          last = next;
        }
        stream.Cancel();
        EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
      }
    });
  for (std::thread& caller : callers) caller.join();
  EndTokens();
  Stop();
  EXPECT_GT(newest_, 10);
  EXPECT_TRUE(HasMetric(Watchers(0, kOrdinary)));
}

TEST_F(WatchAccessTokenRaceTest, TheServerDrains) {
  std::atomic<int> begun{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller)
    callers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        auto stream = Watch(kOrdinary);
        if (stream->Read().generation() > 0) ++begun;
        // Only the drain ends it.
        const grpc::Status status = stream->Finish();
        EXPECT_TRUE(status.ok()) << status.error_message();
      }
    });
  while (begun < 8) std::this_thread::yield();
  tokens_.EndWatches();
  for (std::thread& caller : callers) caller.join();
  EndTokens();
  Stop();
  EXPECT_TRUE(HasMetric(Watchers(0, kOrdinary)));
}

}  // namespace
}  // namespace wxident

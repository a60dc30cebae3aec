// What waits for its line in the audit log before it leaves.

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/audit/audit_log.h"
#include "tests/base/own_channel.h"
#include "tests/base/temp_folder.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

class AuditedCallsTest : public ServiceTest {
 protected:
  AuditedCallsTest() { signal(SIGPIPE, SIG_IGN); }
  ~AuditedCallsTest() override {
    if (audited_server_ != nullptr) {
      tokens_.EndWatches();
      StopServer(*audited_server_);
    }
    log_.reset();
  }

  // Calls go from now on to services that keep a log at path_.
  void Serve(bool required = true) {
    log_ = AuditLog::Open({.path = path_, .key = Secret(std::string(32, 'a'))},
                          clock_, metrics_)
               .value();
    Services services = services_;
    services.audit = log_.get();
    services.audit_required = required;
    audited_server_ = ServiceTest::Serve(IdentityMethods(services));
    stub_ = v1::IdentityService::NewStub(ChannelTo(*audited_server_));
  }

  int LinesOf(const std::string& method) {
    std::ifstream in(path_, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    int count = 0;
    for (absl::string_view line : absl::StrSplit(text, '\n'))
      count +=
          absl::StrContains(line, absl::StrCat("\"method\":\"", method, "\""));
    return count;
  }
  bool HasMetric(const std::string& line) {
    return absl::StrContains(metrics_.Text(), absl::StrCat("\n", line, "\n"));
  }
  void AwaitMetric(const std::string& line) {
    while (!HasMetric(line)) std::this_thread::yield();
  }
  int64_t Refresh() {
    clock_.Advance(kForcedFetchesApart);
    int64_t generation = 0;
    std::atomic<bool> done{false};
    tokens_.Refresh(*apps_.Find(kOfficial),
                    [&](absl::StatusOr<AccessToken> token) {
                      generation = token.value().generation;
                      done = true;
                    });
    while (!done) std::this_thread::yield();
    return generation;
  }

  struct Stream {
    Stream(v1::IdentityService::Stub& stub, const std::string& app) {
      v1::WatchAccessTokenRequest request;
      request.set_app_id(app);
      context.set_deadline(std::chrono::system_clock::now() +
                           std::chrono::minutes(1));
      reader = stub.WatchAccessToken(&context, request);
    }
    // The next token's generation, or 0 at the end.
    int64_t Read() {
      v1::WatchAccessTokenResponse token;
      return reader->Read(&token) ? token.generation() : 0;
    }
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::WatchAccessTokenResponse>> reader;
  };
  std::unique_ptr<Stream> Watch() {
    return std::make_unique<Stream>(*stub_, kOfficial);
  }

  const TempFolder folder_;
  std::string path_ = folder_.Path("audit");
  std::unique_ptr<AuditLog> log_;
  std::unique_ptr<EdgeServer> audited_server_;
};

TEST_F(AuditedCallsTest, EachTokenOfAStreamHasItsLine) {
  Serve();
  auto stream = Watch();
  EXPECT_EQ(stream->Read(), 1);
  EXPECT_EQ(LinesOf("WatchAccessToken"), 1);
  EXPECT_EQ(Refresh(), 2);
  EXPECT_EQ(stream->Read(), 2);
  EXPECT_EQ(LinesOf("WatchAccessToken"), 2);
  tokens_.EndWatches();
  EXPECT_EQ(stream->Read(), 0);
  EXPECT_TRUE(stream->reader->Finish().ok());
  EXPECT_EQ(LinesOf("WatchAccessToken"), 2);
}

// A log whose file hangs until the test reads it.
class HangingAuditTest : public AuditedCallsTest {
 protected:
  HangingAuditTest() {
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0);
    fd_ = open(path_.c_str(), O_RDONLY | O_NONBLOCK);
    EXPECT_GE(fcntl(fd_, F_SETPIPE_SZ, 4096), 0);
    Serve();
  }
  ~HangingAuditTest() override {
    GoOn();
    if (reader_.joinable()) {
      // The log ends first, then its reader.
      tokens_.EndWatches();
      StopServer(*audited_server_);
      log_.reset();
      over_ = true;
      reader_.join();
    }
    close(fd_);
  }

  // More than the pipe takes: from here on no line is written.
  void Hang() {
    for (int i = 0; i < 40; ++i)
      log_->Note({.caller = std::string(200, 'x'), .reason = "OK"});
  }
  // All who wait have waited too long, and nobody else will.
  void GiveUp() {
    // Comes back when the log has seen that its file hangs.
    std::future<absl::Status> seen =
        std::async(std::launch::async, [this] { return log_->Reopen(); });
    do {
      clock_.Advance(absl::Seconds(1));
    } while (seen.wait_for(std::chrono::milliseconds(20)) !=
             std::future_status::ready);
    EXPECT_FALSE(seen.get().ok());
    clock_.Advance(absl::Seconds(1));
  }
  // The file takes everything again.
  void GoOn() {
    if (reader_.joinable()) return;
    reader_ = std::thread([this] {
      std::array<char, 4096> buffer;
      while (!over_)
        if (read(fd_, buffer.data(), buffer.size()) <= 0)
          std::this_thread::yield();
    });
  }

  static std::string Watchers(int count) {
    return absl::StrCat("wxident_watchers{app_id=\"", kOfficial, "\"} ", count);
  }

 private:
  int fd_ = -1;
  std::atomic<bool> over_{false};
  std::thread reader_;
};

TEST_F(HangingAuditTest, ATokenThatFindsNoLineEndsTheStream) {
  auto stream = Watch();
  EXPECT_EQ(stream->Read(), 1);
  Hang();
  auto late = Watch();
  AwaitMetric(Watchers(2));
  ASSERT_EQ(Refresh(), 2);
  GiveUp();
  for (Stream* one : {stream.get(), late.get()}) {
    EXPECT_EQ(one->Read(), 0);
    const grpc::Status status = one->reader->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(ReasonOf(status), "AUDIT_UNAVAILABLE");
  }
  // One that comes later learns it at once, and when all is well again it is
  // told the token.
  auto refused = Watch();
  EXPECT_EQ(refused->Read(), 0);
  EXPECT_EQ(ReasonOf(refused->reader->Finish()), "AUDIT_UNAVAILABLE");
  GoOn();
  int64_t generation = 0;
  while (generation == 0) generation = Watch()->Read();
  EXPECT_EQ(generation, 2);
}

TEST_F(HangingAuditTest, AStreamIsCancelledWhileItsTokenWaits) {
  Hang();
  auto stream = Watch();
  AwaitMetric(Watchers(1));
  stream->context.TryCancel();
  EXPECT_EQ(stream->reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // The call is there until its line is.
  EXPECT_TRUE(HasMetric(Watchers(1)));
  GoOn();
  AwaitMetric(Watchers(0));
  EXPECT_TRUE(
      HasMetric("wxident_rpc_seconds_count{reason=\"CANCELLED\",rpc="
                "\"WatchAccessToken\"} 1"));
}

TEST_F(HangingAuditTest, ATokenThatWaitsDoesNotGoToWhoHasLostTheRight) {
  Hang();
  auto stream = Watch();
  AwaitMetric(Watchers(1));
  access_.Replace(Policy{});
  GoOn();
  EXPECT_EQ(stream->Read(), 0);
  EXPECT_EQ(ReasonOf(stream->reader->Finish()), "CALLER_NOT_ALLOWED");
}

TEST_F(HangingAuditTest, ADrainEndsAStreamWhoseTokenWaits) {
  Hang();
  auto stream = Watch();
  AwaitMetric(Watchers(1));
  tokens_.EndWatches();
  GoOn();
  // The token may have come before the drain.
  EXPECT_LE(stream->Read(), 1);
  EXPECT_EQ(stream->Read(), 0);
  EXPECT_TRUE(stream->reader->Finish().ok());
}

TEST_F(HangingAuditTest, WhatNeedsNoLineGoesOn) {
  Hang();
  GiveUp();
  v1::ValidateSessionRequest validate;
  validate.set_session_token(LogIn());
  v1::ValidateSessionResponse valid;
  grpc::ClientContext context;
  EXPECT_TRUE(stub_->ValidateSession(&context, validate, &valid).ok());
  EXPECT_TRUE(valid.active());

  v1::GetAccessTokenRequest request;
  request.set_app_id(kOfficial);
  v1::GetAccessTokenResponse token;
  grpc::ClientContext own;
  const grpc::Status status = stub_->GetAccessToken(&own, request, &token);
  EXPECT_EQ(ReasonOf(status), "AUDIT_UNAVAILABLE");
  EXPECT_EQ(token.ByteSizeLong(), 0);
}

// Under AddressSanitizer this shows what is touched after its end.
TEST_F(AuditedCallsTest, CallersComeAndGoWhileTokensComeAndFilesRotate) {
  Serve();
  std::atomic<bool> over{false};
  std::thread tokens([&] {
    const App& app = *apps_.Find(kOrdinary);
    int file = 0;
    while (!over) {
      clock_.Advance(absl::Minutes(1));
      tokens_.Refresh(app, [](absl::StatusOr<AccessToken>) {});
      if (++file % 50 != 0) continue;
      // The clock's leaps make lines late, and the file look as if it hung.
      std::error_code ignored;
      std::filesystem::rename(path_, absl::StrCat(path_, ".", file), ignored);
      (void)log_->Reopen();
    }
  });
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller)
    callers.emplace_back([&, caller] {
      // A connection each: nobody may reset so many calls over one.
      const auto stub =
          v1::IdentityService::NewStub(OwnChannel(audited_server_->addr()));
      for (int i = 0; i < 60; ++i) {
        Stream stream(*stub, kOrdinary);
        for (int read = 0; read < (i + caller) % 4; ++read) stream.Read();
        stream.context.TryCancel();
        stream.reader->Finish();
      }
    });
  for (std::thread& caller : callers) caller.join();
  over = true;
  tokens.join();
}

TEST_F(AuditedCallsTest, ARefusedPartOfABatchHasItsLine) {
  Serve();
  Policy policy = EverythingAllowed();
  policy.allow.push_back(
      {"spiffe://corp/shop", {"BatchGetUsers"}, {std::string(kMini)}});
  access_.Replace(policy);
  caller_ = "spiffe://corp/shop";
  const auto ask = [&](const std::string& app) {
    return Answer(&Identity::BatchGetUsers, "{\"identity_refs\":[" +
                                                Ref(kMini, "o_alice") + "," +
                                                Ref(app, "o_bob") + "]}");
  };
  EXPECT_FALSE(ask(kMini).users(1).has_error());
  EXPECT_EQ(ask(kOfficial).users(1).error().reason(), "CALLER_NOT_ALLOWED");
  log_.reset();
  EXPECT_EQ(LinesOf("BatchGetUsers"), 1);
}

}  // namespace
}  // namespace wxident

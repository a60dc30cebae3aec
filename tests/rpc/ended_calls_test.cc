// Calls whose callers wait no longer, and requests that cannot be read.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/fakes/forwarding_session_store.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

// A database that answers when it is told to.
class HeldSessions final : public ForwardingSessionStore {
 public:
  using ForwardingSessionStore::ForwardingSessionStore;

  void FindSession(std::string token_hash, Deadline deadline,
                   Done<std::optional<Session>> done) override {
    auto shared =
        std::make_shared<Done<std::optional<Session>>>(std::move(done));
    Hold([=, this, hash = std::move(token_hash)] {
      store_.FindSession(hash, deadline, std::move(*shared));
    });
  }
  void FindSessionWithKeys(std::string token_hash, Deadline deadline,
                           Done<std::optional<SessionWithKeys>> done) override {
    auto shared =
        std::make_shared<Done<std::optional<SessionWithKeys>>>(std::move(done));
    Hold([=, this, hash = std::move(token_hash)] {
      store_.FindSessionWithKeys(hash, deadline, std::move(*shared));
    });
  }

  void WaitForOne() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !held_.empty(); });
  }
  void Answer() {
    std::vector<std::function<void()>> held;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      held.swap(held_);
    }
    for (const auto& answer : held) answer();
  }

 private:
  void Hold(std::function<void()> answer) {
    std::lock_guard<std::mutex> lock(mutex_);
    held_.push_back(std::move(answer));
    changed_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<void()>> held_;
};

class EndedCallsTest : public ServiceTest {
 protected:
  ~EndedCallsTest() override {
    held_.Answer();
    StopServer(*held_server_);
  }

  // Begins a call in the background, and waits until the database has it.
  template <typename Request, typename Response>
  std::future<grpc::Status> Begin(
      Method<v1::IdentityService::Stub, Request, Response> method,
      const Request& request, grpc::ClientContext& context) {
    auto ended = std::async(std::launch::async, [=, this, &context] {
      Response response;
      return (held_stub_.get()->*method)(&context, request, &response);
    });
    held_.WaitForOne();
    return ended;
  }

  static std::string Ended(const std::string& rpc, const std::string& reason) {
    return absl::StrCat("\nwxident_rpc_seconds_count{reason=\"", reason,
                        "\",rpc=\"", rpc, "\"} 1\n");
  }
  bool HasMetric(const std::string& line) const {
    return absl::StrContains(metrics_.Text(), line);
  }
  // What the client has sent so far arrives before this is answered.
  void AwaitArrival() {
    v1::ValidateSessionRequest request;
    request.set_session_token("x");
    v1::ValidateSessionResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(held_stub_->ValidateSession(&context, request, &response).ok());
  }

  HeldSessions held_{sessions_};
  SessionCache held_checks_{held_, clock_};
  std::unique_ptr<EdgeServer> held_server_ =
      Serve(IdentityMethods(MakeServices(access_, held_, held_checks_)));
  std::unique_ptr<v1::IdentityService::Stub> held_stub_ =
      v1::IdentityService::NewStub(ChannelTo(*held_server_));
};

TEST_F(EndedCallsTest, ADeadlineIsToldWhateverTheStoreDoes) {
  v1::ValidateSessionRequest request;
  request.set_session_token(LogIn());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(200));
  auto ended = Begin(&Identity::ValidateSession, request, context);
  EXPECT_EQ(ended.get().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  AwaitArrival();
  held_.Answer();
  StopServer(*held_server_);
  EXPECT_TRUE(HasMetric(Ended("ValidateSession", "CANCELLED")));
}

TEST_F(EndedCallsTest, AnAnswerThatNobodyWaitsForGoesNowhere) {
  v1::ValidateSessionRequest request;
  request.set_session_token(LogIn());
  grpc::ClientContext context;
  auto ended = Begin(&Identity::ValidateSession, request, context);
  context.TryCancel();
  EXPECT_EQ(ended.get().error_code(), grpc::StatusCode::CANCELLED);
  AwaitArrival();
  held_.Answer();
  StopServer(*held_server_);
  EXPECT_TRUE(HasMetric(Ended("ValidateSession", "CANCELLED")));
}

TEST_F(EndedCallsTest, ACodeIsNotSpentForNobody) {
  wechat_.AddPhoneCode("phone", "o_alice",
                       {.phone_number = Secret("13912345678"),
                        .pure_phone_number = Secret("13912345678"),
                        .country_code = "86",
                        .watermark_time = clock_.Now()});
  v1::DecryptPhoneRequest request;
  request.set_session_token(LogIn());
  request.set_phone_code("phone");
  grpc::ClientContext context;
  auto ended = Begin(&Identity::DecryptPhone, request, context);
  context.TryCancel();
  EXPECT_EQ(ended.get().error_code(), grpc::StatusCode::CANCELLED);
  AwaitArrival();
  held_.Answer();
  StopServer(*held_server_);
  EXPECT_EQ(wechat_.calls("getuserphonenumber"), 0);
  EXPECT_TRUE(HasMetric(Ended("DecryptPhone", "CANCELLED")));
}

TEST_F(EndedCallsTest, WeChatIsNotAskedForNobody) {
  v1::CheckSessionKeyRequest request;
  request.set_session_token(LogIn());
  grpc::ClientContext context;
  auto ended = Begin(&Identity::CheckSessionKey, request, context);
  context.TryCancel();
  EXPECT_EQ(ended.get().error_code(), grpc::StatusCode::CANCELLED);
  AwaitArrival();
  held_.Answer();
  StopServer(*held_server_);
  EXPECT_EQ(wechat_.calls("checksession"), 0);
}

TEST_F(EndedCallsTest, WhatCannotBeReadIsRefusedAndCounts) {
  grpc::GenericStub stub(ChannelTo(*server_));
  for (const std::string& bytes :
       {std::string("\xff\xff"), std::string("\x0a\x05x"),
        // A text that is no UTF-8.
        std::string("\x0a\x01\xff")}) {
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    std::promise<grpc::Status> done;
    grpc::ClientContext context;
    stub.UnaryCall(&context, "/wxident.v1.IdentityService/ValidateSession",
                   grpc::StubOptions(), &request, &response,
                   [&](grpc::Status status) { done.set_value(status); });
    const grpc::Status status = done.get_future().get();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(ReasonOf(status), "REQUEST_INVALID");
    EXPECT_TRUE(absl::StrContains(status.error_message(),
                                  "wxident.v1.ValidateSessionRequest"));
  }
  EXPECT_TRUE(
      HasMetric("wxident_rpc_seconds_count{reason=\"REQUEST_INVALID\",rpc="
                "\"ValidateSession\"} 3\n"));
}

}  // namespace
}  // namespace wxident

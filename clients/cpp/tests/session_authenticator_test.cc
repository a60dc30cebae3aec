#include "wxident/session_authenticator.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "wxident/error.h"
#include "wxident/fake.h"

namespace wxident::client {
namespace {

constexpr char kApp[] = "wx4f4bc4dec97d474b";
constexpr absl::Duration kLong = absl::Minutes(1);

bool Eventually(const std::function<bool()>& is) {
  const absl::Time end = absl::Now() + kLong;
  while (absl::Now() < end) {
    if (is()) return true;
    std::this_thread::yield();
  }
  return false;
}

class SessionAuthenticatorTest : public testing::Test {
 protected:
  SessionAuthenticatorTest()
      : client_(fake_.MakeClient()),
        token_(fake_.SessionToken(kApp, "alice")),
        header_(absl::StrCat("Bearer ", token_)) {}

  // With a clock that stands until `now_` is changed.
  SessionAuthenticator Make(bool strong = false, bool anonymous = false) {
    SessionAuthenticator::Options options;
    options.strong = strong;
    options.anonymous = anonymous;
    options.now = [this] { return now_; };
    return SessionAuthenticator(*client_, options);
  }
  int Calls() const { return fake_.Calls("ValidateSession"); }

  FakeWxident fake_;
  const std::unique_ptr<Client> client_;
  const std::string token_;
  const std::string header_;
  absl::Time now_ = absl::Now();
};

TEST_F(SessionAuthenticatorTest, TellsWho) {
  auto authenticator = Make();
  for (const std::string& header :
       {header_, absl::StrCat("bearer   ", token_, " ")}) {
    const auto session = authenticator.Authenticate(header);
    ASSERT_TRUE(session.ok()) << session.status();
    EXPECT_EQ(session->user().user_id(), fake_.UserId("alice"));
    EXPECT_EQ(session->identity().openid(),
              fake_.Identity(kApp, "alice").openid());
  }
  EXPECT_TRUE(authenticator.AuthenticateToken(token_).ok());
}

TEST_F(SessionAuthenticatorTest, RemembersForASecond) {
  auto authenticator = Make();
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(authenticator.Authenticate(header_).ok());
  EXPECT_EQ(Calls(), 1);
  fake_.Revoke(token_);
  now_ += absl::Milliseconds(999);
  EXPECT_TRUE(authenticator.Authenticate(header_).ok());
  EXPECT_EQ(Calls(), 1);
  now_ += absl::Milliseconds(1);
  EXPECT_TRUE(
      absl::IsUnauthenticated(authenticator.Authenticate(header_).status()));
  EXPECT_EQ(Calls(), 2);
}

TEST_F(SessionAuthenticatorTest, RemembersActiveOnesOnly) {
  auto authenticator = Make();
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(absl::IsUnauthenticated(
        authenticator.Authenticate("Bearer wxs1_unknown").status()));
    EXPECT_EQ(Calls(), i);
  }
}

TEST_F(SessionAuthenticatorTest, StrongAsksEachTime) {
  auto authenticator = Make(/*strong=*/true);
  EXPECT_TRUE(authenticator.Authenticate(header_).ok());
  EXPECT_TRUE(authenticator.Authenticate(header_).ok());
  EXPECT_EQ(Calls(), 2);
  fake_.Revoke(token_);
  EXPECT_TRUE(
      absl::IsUnauthenticated(authenticator.Authenticate(header_).status()));
}

TEST_F(SessionAuthenticatorTest, WithoutAToken) {
  auto authenticator = Make();
  const std::string long_token(513, 'x');
  for (const std::string& header :
       {std::string(), std::string("Bearer"), std::string("Bearer "),
        std::string("Basic YWxpY2U6"), token_, std::string("Bearer two words"),
        std::string("Bearer \xc3\xa9"), absl::StrCat("Bearer ", long_token)})
    EXPECT_TRUE(
        absl::IsUnauthenticated(authenticator.Authenticate(header).status()))
        << header;
  EXPECT_EQ(Calls(), 0);
}

TEST_F(SessionAuthenticatorTest, AnonymousPassesWithoutAToken) {
  auto authenticator = Make(false, /*anonymous=*/true);
  const auto session = authenticator.Authenticate("");
  ASSERT_TRUE(session.ok());
  EXPECT_FALSE(session->has_user());
  EXPECT_TRUE(authenticator.Authenticate(header_)->has_user());
  EXPECT_TRUE(absl::IsUnauthenticated(
      authenticator.Authenticate("Bearer wxs1_unknown").status()));
}

TEST_F(SessionAuthenticatorTest, CouldNotAskIsNotNo) {
  for (const bool strong : {false, true}) {
    auto authenticator = Make(strong);
    for (const auto reason :
         {v1::ERROR_REASON_STORE_UNAVAILABLE, v1::ERROR_REASON_OVERLOADED,
          v1::ERROR_REASON_INTERNAL_FAULT, v1::ERROR_REASON_USER_BLOCKED,
          v1::ERROR_REASON_REQUEST_INVALID}) {
      fake_.FailNext("ValidateSession", reason);
      const absl::Status status = authenticator.Authenticate(header_).status();
      EXPECT_TRUE(absl::IsUnavailable(status)) << status;
      EXPECT_TRUE(Is(status, reason));
      EXPECT_EQ(SessionAuthenticator::ToHttp(status), 503);
      EXPECT_EQ(SessionAuthenticator::ToGrpc(status).error_code(),
                grpc::StatusCode::UNAVAILABLE);
      EXPECT_EQ(status.ToString().find(token_), std::string::npos);
    }
  }
}

TEST_F(SessionAuthenticatorTest, ADeadlineIsNotNo) {
  for (const bool strong : {false, true}) {
    auto authenticator = Make(strong);
    fake_.Hold("ValidateSession");
    EXPECT_TRUE(absl::IsUnavailable(
        authenticator.Authenticate(header_, absl::Milliseconds(20)).status()));
    EXPECT_LE(fake_.LastDeadline("ValidateSession"), absl::Seconds(1));
    fake_.Release("ValidateSession");
    EXPECT_TRUE(authenticator.Authenticate(header_).ok());
    EXPECT_LE(fake_.LastDeadline("ValidateSession"), absl::Milliseconds(2050));
  }
}

TEST_F(SessionAuthenticatorTest, OneCallForManyAtOnce) {
  auto authenticator = Make();
  fake_.Hold("ValidateSession");
  std::atomic<int> begun = 0, good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i)
    threads.emplace_back([&] {
      ++begun;
      if (authenticator.Authenticate(header_).ok()) ++good;
    });
  EXPECT_TRUE(Eventually([&] { return begun == 50 && Calls() == 1; }));
  fake_.Release("ValidateSession");
  for (std::thread& thread : threads) thread.join();
  // Who came late found it remembered: the clock stands.
  EXPECT_EQ(Calls(), 1);
  EXPECT_EQ(good, 50);
}

TEST(SessionAuthenticatorAwayTest, AServerThatIsAway) {
  auto fake = std::make_unique<FakeWxident>();
  const auto client = fake->MakeClient();
  fake.reset();
  SessionAuthenticator authenticator(*client);
  EXPECT_TRUE(absl::IsUnavailable(
      authenticator.Authenticate("Bearer wxs1_x").status()));
}

TEST_F(SessionAuthenticatorTest, StatusesForHandlers) {
  const absl::Status no = absl::UnauthenticatedError("no");
  EXPECT_EQ(SessionAuthenticator::ToHttp(absl::OkStatus()), 200);
  EXPECT_EQ(SessionAuthenticator::ToHttp(no), 401);
  EXPECT_TRUE(SessionAuthenticator::ToGrpc(absl::OkStatus()).ok());
  EXPECT_EQ(SessionAuthenticator::ToGrpc(no).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
}

// A service whose calls want a session. Any will do.
class GuardedService : public v1::IdentityService::Service {
 public:
  explicit GuardedService(SessionAuthenticator& authenticator)
      : authenticator_(authenticator) {}
  grpc::Status GetUser(grpc::ServerContext* context, const v1::GetUserRequest*,
                       v1::GetUserResponse* response) override {
    const auto session = authenticator_.Authenticate(*context);
    if (!session.ok()) return SessionAuthenticator::ToGrpc(session.status());
    *response->mutable_user() = session->user();
    return grpc::Status::OK;
  }

 private:
  SessionAuthenticator& authenticator_;
};

TEST_F(SessionAuthenticatorTest, InAGrpcServer) {
  auto authenticator = Make(false, /*anonymous=*/true);
  GuardedService service(authenticator);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  const auto stub = v1::IdentityService::NewStub(grpc::CreateChannel(
      absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  const auto call = [&](const std::vector<std::string>& headers,
                        v1::GetUserResponse* response) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kLong));
    for (const std::string& header : headers)
      context.AddMetadata("authorization", header);
    return stub->GetUser(&context, {}, response).error_code();
  };
  v1::GetUserResponse response;
  EXPECT_EQ(call({header_}, &response), grpc::StatusCode::OK);
  EXPECT_EQ(response.user().user_id(), fake_.UserId("alice"));
  response.Clear();
  EXPECT_EQ(call({}, &response), grpc::StatusCode::OK);
  EXPECT_FALSE(response.user().has_create_time());
  EXPECT_EQ(call({"Bearer wxs1_x"}, &response),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(call({header_, "Bearer wxs1_x"}, &response),
            grpc::StatusCode::UNAUTHENTICATED);
  now_ += absl::Seconds(2);
  fake_.FailNext("ValidateSession", v1::ERROR_REASON_STORE_UNAVAILABLE);
  EXPECT_EQ(call({header_}, &response), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace wxident::client

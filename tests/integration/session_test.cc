// The life of sessions over one and two processes.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;

class SessionTest : public testing::Test {
 protected:
  SessionTest() : first_(world_), second_(world_) {}
  ~SessionTest() override {
    EXPECT_EQ(first_.Stop(), 0);
    EXPECT_EQ(second_.Stop(), 0);
  }

  static grpc::Status Refresh(Wxidentd& server, const std::string& token,
                              v1::RefreshSessionResponse* response) {
    v1::RefreshSessionRequest request;
    request.set_session_token(token);
    response->Clear();
    return server.stub().RefreshSession(Within().get(), request, response);
  }

  static int Revoke(Wxidentd& server, const v1::RevokeSessionRequest& request) {
    v1::RevokeSessionResponse response;
    const grpc::Status status =
        server.stub().RevokeSession(Within().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.revoked_count();
  }

  // How many of the tokens a server takes for active, asked by many callers.
  static int Active(Wxidentd& server, const std::vector<std::string>& tokens,
                    bool strong) {
    std::atomic<int> active{0};
    std::atomic<size_t> next{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 16; ++i)
      callers.emplace_back([&] {
        for (size_t at; (at = next++) < tokens.size();)
          if (IsActive(server, tokens[at], strong)) ++active;
      });
    for (std::thread& caller : callers) caller.join();
    return active;
  }

  // The overlap of every refreshed token is over.
  void EndOverlaps() {
    world_.Query(
        "UPDATE sessions SET replaced_at = replaced_at - interval '1 h', "
        "expires_at = replaced_at - interval '1 min' "
        "WHERE replaced_at IS NOT NULL");
  }

  World world_;
  Wxidentd first_;
  Wxidentd second_;
};

TEST_F(SessionTest, RefreshGivesOneNewTokenAndBothWorkForAWhile) {
  const v1::LoginResponse login = LogIn(world_, first_, "ann");
  v1::RefreshSessionResponse refreshed;
  const grpc::Status status =
      Refresh(first_, login.session_token(), &refreshed);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_NE(refreshed.session_token(), login.session_token());
  EXPECT_GE(refreshed.expire_time().seconds(), login.expire_time().seconds());
  for (Wxidentd* server : {&first_, &second_}) {
    EXPECT_TRUE(IsActive(*server, login.session_token()));
    EXPECT_TRUE(IsActive(*server, refreshed.session_token()));
    // A repeated refresh gives the same token, on any replica.
    v1::RefreshSessionResponse again;
    ASSERT_TRUE(Refresh(*server, login.session_token(), &again).ok());
    EXPECT_EQ(again.session_token(), refreshed.session_token());
  }
  EndOverlaps();
  EXPECT_FALSE(IsActive(second_, login.session_token()));
  EXPECT_TRUE(IsActive(second_, refreshed.session_token()));
}

TEST_F(SessionTest, ATokenUsedAfterItsOverlapEndsItsFamily) {
  const v1::LoginResponse login = LogIn(world_, first_, "bob");
  const v1::LoginResponse other = LogIn(world_, first_, "bob");
  v1::RefreshSessionResponse second;
  v1::RefreshSessionResponse third;
  ASSERT_TRUE(Refresh(first_, login.session_token(), &second).ok());
  ASSERT_TRUE(Refresh(second_, second.session_token(), &third).ok());
  EndOverlaps();
  EXPECT_TRUE(IsActive(first_, third.session_token()));

  v1::RefreshSessionResponse stolen;
  const grpc::Status status = Refresh(second_, login.session_token(), &stolen);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "SESSION_NOT_ACTIVE");
  EXPECT_TRUE(stolen.session_token().empty());
  for (const std::string& token :
       {login.session_token(), second.session_token(), third.session_token()})
    EXPECT_FALSE(IsActive(first_, token));
  // The person's other login is another family.
  EXPECT_TRUE(IsActive(first_, other.session_token()));
}

TEST_F(SessionTest, RevokingAnyTokenEndsTheWholeLogin) {
  const v1::LoginResponse login = LogIn(world_, first_, "cy");
  v1::RefreshSessionResponse refreshed;
  ASSERT_TRUE(Refresh(first_, login.session_token(), &refreshed).ok());
  v1::RevokeSessionRequest request;
  request.set_session_token(refreshed.session_token());
  EXPECT_EQ(Revoke(second_, request), 1);
  EXPECT_EQ(Revoke(second_, request), 0);
  EXPECT_FALSE(IsActive(first_, login.session_token()));
  EXPECT_FALSE(IsActive(first_, refreshed.session_token()));
  v1::RefreshSessionResponse again;
  EXPECT_EQ(ReasonOf(Refresh(first_, refreshed.session_token(), &again)),
            "SESSION_NOT_ACTIVE");
}

TEST_F(SessionTest, RacingRefreshesOfOneTokenAgree) {
  for (int round = 0; round < 20; ++round) {
    const v1::LoginResponse login =
        LogIn(world_, first_, absl::StrCat("racer", round));
    std::vector<v1::RefreshSessionResponse> answers(16);
    std::vector<std::thread> callers;
    for (size_t i = 0; i < answers.size(); ++i)
      callers.emplace_back([&, i] {
        const grpc::Status status = Refresh(i % 2 == 0 ? first_ : second_,
                                            login.session_token(), &answers[i]);
        EXPECT_TRUE(status.ok()) << status.error_message();
      });
    for (std::thread& caller : callers) caller.join();
    for (const v1::RefreshSessionResponse& answer : answers)
      EXPECT_EQ(answer.session_token(), answers[0].session_token());
    EXPECT_TRUE(IsActive(first_, answers[0].session_token()));
  }
}

TEST_F(SessionTest, NoTokenLikeALiveOneIsActive) {
  const std::string live = LogIn(world_, first_, "eve").session_token();
  ASSERT_EQ(live.size(), 48);
  const std::string letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::vector<std::string> guesses;
  for (size_t at = std::string("wxs1_").size(); at < live.size(); ++at)
    for (const char letter : letters) {
      guesses.push_back(live);
      guesses.back()[at] = letter;
    }
  guesses.erase(std::remove(guesses.begin(), guesses.end(), live),
                guesses.end());
  ASSERT_EQ(guesses.size(), 43 * 63);
  // With the live one in memory, and from the database.
  EXPECT_TRUE(IsActive(first_, live));
  EXPECT_EQ(Active(first_, guesses, /*strong=*/false), 0);
  EXPECT_EQ(Active(second_, guesses, /*strong=*/true), 0);
  EXPECT_TRUE(IsActive(first_, live));
}

TEST_F(SessionTest, ARefreshNeverOutlivesTheAbsoluteEnd) {
  const v1::LoginResponse login = LogIn(world_, first_, "eve");
  // The login was 90 days ago, but for a minute.
  world_.Query(
      "UPDATE sessions SET created_at = now() - interval '90 days' + interval "
      "'1 min', ttl = interval '7 days'");
  v1::RefreshSessionResponse refreshed;
  ASSERT_TRUE(Refresh(first_, login.session_token(), &refreshed).ok());
  const int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  EXPECT_LE(refreshed.expire_time().seconds() - now, 60);
  EXPECT_GT(refreshed.expire_time().seconds() - now, 0);
}

TEST_F(SessionTest, AThousandSessionsOfAUserEndEverywhere) {
  constexpr int kSessions = 1000;
  std::vector<std::string> tokens;
  std::string user_id;
  for (int i = 0; i < kSessions; ++i) {
    const v1::LoginResponse login =
        LogIn(world_, i % 2 == 0 ? first_ : second_, "many");
    tokens.push_back(login.session_token());
    user_id = login.user().user_id();
  }
  const v1::LoginResponse bystander = LogIn(world_, first_, "bystander");
  // Both have them in memory now.
  EXPECT_EQ(Active(first_, tokens, false), kSessions);
  EXPECT_EQ(Active(second_, tokens, false), kSessions);

  v1::RevokeSessionRequest request;
  request.set_user_id(user_id);
  EXPECT_EQ(Revoke(first_, request), kSessions);
  const Clock::time_point revoked = Clock::now();
  EXPECT_EQ(Active(first_, tokens, true), 0);
  EXPECT_EQ(Active(second_, tokens, true), 0);
  // Where it was revoked, memory knows at once. Elsewhere within 1 s, which the
  // loop fills with questions.
  EXPECT_EQ(Active(first_, tokens, false), 0);
  while (Clock::now() - revoked < std::chrono::seconds(1))
    IsActive(second_, tokens[0], false);
  EXPECT_EQ(Active(second_, tokens, false), 0);
  EXPECT_TRUE(IsActive(second_, bystander.session_token()));
}

}  // namespace
}  // namespace wxident

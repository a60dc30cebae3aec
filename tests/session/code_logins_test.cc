#include "server/session/code_logins.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "tests/base/fake_clock.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_identity_store.h"
#include "tests/session/fake_wechat_api.h"

namespace wxident {
namespace {

class CodeLoginsTest : public testing::Test {
 protected:
  using Answer = absl::StatusOr<CodeLogins::Answer>;

  void AddCode(const std::string& code, const std::string& openid = "o_alice") {
    wechat_.AddCode(code, {openid, "u_alice", Secret("key")});
  }

  // The answer if it came inline.
  std::optional<Answer> Login(const std::string& code,
                              absl::Duration left = absl::Seconds(3)) {
    auto answer = std::make_shared<std::optional<Answer>>();
    logins_.Login(app_, Secret(code), absl::Hours(1),
                  Deadline::After(left, clock_),
                  [answer](Answer given) { *answer = std::move(given); });
    return *answer;
  }

  FakeClock clock_;
  FakeRandom random_;
  FakeWechatApi wechat_;
  FakeStoreData data_{clock_};
  FakeIdentityStore store_{data_};
  App app_{"wx0123456789abcdef", AppKind::kMiniProgram, "main", Secret("s")};
  CodeLogins logins_{wechat_, store_, clock_, random_};
};

TEST_F(CodeLoginsTest, MakesASession) {
  AddCode("code");
  const std::optional<Answer> answer = Login("code");
  ASSERT_TRUE(answer.has_value() && answer->ok());
  const SignedIn& signed_in = (*answer)->signed_in;
  EXPECT_TRUE(signed_in.new_user);
  EXPECT_EQ(signed_in.session.identity.openid, "o_alice");
  EXPECT_EQ(signed_in.session.expires_at, clock_.Now() + absl::Hours(1));
  EXPECT_EQ(data_.sessions.size(), 1u);
}

TEST_F(CodeLoginsTest, RemembersTheAnswerForFiveMinutes) {
  AddCode("code");
  const std::optional<Answer> first = Login("code");
  clock_.Advance(absl::Minutes(5));
  const std::optional<Answer> again = Login("code");
  ASSERT_TRUE(again.has_value() && again->ok());
  EXPECT_EQ((*again)->session_token, (*first)->session_token);
  EXPECT_TRUE((*again)->signed_in.new_user);
  EXPECT_EQ(wechat_.exchanges(), 1);

  clock_.Advance(absl::Seconds(1));
  const std::optional<Answer> late = Login("code");
  EXPECT_TRUE(HasReason(late->status(), Reason::kLoginCodeConsumed));
  EXPECT_EQ(wechat_.exchanges(), 2);
}

TEST_F(CodeLoginsTest, TheSameCodeOfAnotherAppIsAnotherCode) {
  AddCode("code");
  const App other{"wxfedcba9876543210", AppKind::kMiniProgram, "main",
                  Secret("s")};
  ASSERT_TRUE(Login("code")->ok());
  std::optional<Answer> answer;
  logins_.Login(other, Secret("code"), absl::Hours(1),
                Deadline::After(absl::Seconds(3), clock_),
                [&](Answer given) { answer = std::move(given); });
  EXPECT_EQ(wechat_.exchanges(), 2);
}

TEST_F(CodeLoginsTest, CallsAtOnceShareOneExchange) {
  AddCode("code");
  wechat_.Hold();
  std::atomic<int> answered{0};
  std::vector<std::string> tokens(64);
  std::vector<std::thread> callers;
  for (std::string& token : tokens)
    callers.emplace_back([&] {
      logins_.Login(app_, Secret("code"), absl::Hours(1),
                    Deadline::After(absl::Seconds(3), clock_),
                    [&](Answer given) {
                      ASSERT_TRUE(given.ok());
                      token = given->session_token.Expose();
                      ++answered;
                    });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(answered.load(), 0);
  wechat_.Release();
  EXPECT_EQ(answered.load(), 64);
  for (const std::string& token : tokens) EXPECT_EQ(token, tokens[0]);
  EXPECT_EQ(wechat_.exchanges(), 1);
  EXPECT_EQ(data_.sessions.size(), 1u);
}

TEST_F(CodeLoginsTest, ManyRacersWithManyCodes) {
  constexpr int kCodes = 50;
  for (int i = 0; i < kCodes; ++i)
    AddCode(absl::StrCat("code", i), absl::StrCat("o", i));
  std::atomic<int> failed{0};
  std::vector<std::thread> racers;
  for (int racer = 0; racer < 8; ++racer)
    racers.emplace_back([&] {
      for (int i = 0; i < kCodes; ++i)
        logins_.Login(app_, Secret(absl::StrCat("code", i)), absl::Hours(1),
                      Deadline::After(absl::Seconds(3), clock_),
                      [&](Answer given) { failed += given.ok() ? 0 : 1; });
    });
  for (std::thread& racer : racers) racer.join();
  EXPECT_EQ(failed.load(), 0);
  EXPECT_EQ(wechat_.exchanges(), kCodes);
  EXPECT_EQ(data_.sessions.size(), static_cast<size_t>(kCodes));
}

TEST_F(CodeLoginsTest, AfterAFailedStoreOnlyTheStoreIsAskedAgain) {
  AddCode("code");
  store_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_TRUE(HasReason(Login("code")->status(), Reason::kStoreUnavailable));
  EXPECT_TRUE(HasReason(Login("code")->status(), Reason::kStoreUnavailable));
  store_.FailWith(absl::OkStatus());
  EXPECT_TRUE(Login("code")->ok());
  EXPECT_EQ(wechat_.exchanges(), 1);
  EXPECT_EQ(data_.sessions.size(), 1u);
}

TEST_F(CodeLoginsTest, WhatWasNotSentMayBeSentAgain) {
  AddCode("code");
  for (Reason unsent : {Reason::kWechatUnreachable, Reason::kOverloaded}) {
    wechat_.FailNext(Error(unsent, "not sent").ToStatus());
    EXPECT_TRUE(HasReason(Login("code")->status(), unsent));
  }
  EXPECT_TRUE(Login("code")->ok());
  EXPECT_EQ(wechat_.exchanges(), 3);
}

TEST_F(CodeLoginsTest, WhatMayHaveBeenSentIsNeverSentAgain) {
  int number = 0;
  for (Reason ambiguous : {Reason::kOutcomeUnknown, Reason::kWechatBusy,
                           Reason::kWechatBadResponse, Reason::kDeadlinePassed,
                           Reason::kWechatRateLimited}) {
    const std::string code = absl::StrCat("code", ++number);
    AddCode(code);
    wechat_.FailNext(Error(ambiguous, "who knows").ToStatus());
    EXPECT_TRUE(HasReason(Login(code)->status(), ambiguous));
    const absl::Status later = Login(code)->status();
    EXPECT_TRUE(HasReason(later, Reason::kLoginCodeConsumed)) << later;
    EXPECT_EQ(wechat_.exchanges(), number);
  }
}

TEST_F(CodeLoginsTest, AFinalErrorIsRepeatedWithoutAskingAgain) {
  EXPECT_TRUE(HasReason(Login("bad")->status(), Reason::kLoginCodeInvalid));
  const absl::Status again = Login("bad")->status();
  EXPECT_TRUE(HasReason(again, Reason::kLoginCodeInvalid));
  EXPECT_EQ(DetailsOf(again).metadata.at("errcode"), "40029");
  EXPECT_EQ(wechat_.exchanges(), 1);
}

TEST_F(CodeLoginsTest, TheLatestDeadlineOfAllWhoWaitCountsForTheStore) {
  AddCode("code");
  wechat_.Hold();
  std::optional<Answer> impatient;
  std::optional<Answer> patient;
  logins_.Login(app_, Secret("code"), absl::Hours(1),
                Deadline::After(absl::Seconds(1), clock_),
                [&](Answer given) { impatient = std::move(given); });
  logins_.Login(app_, Secret("code"), absl::Hours(1),
                Deadline::After(absl::Seconds(9), clock_),
                [&](Answer given) { patient = std::move(given); });
  clock_.Advance(absl::Seconds(2));
  wechat_.Release();
  ASSERT_TRUE(patient.has_value());
  EXPECT_TRUE(patient->ok()) << patient->status();
}

}  // namespace
}  // namespace wxident

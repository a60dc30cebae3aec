#include "server/session/code_exchange.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "tests/base/fake_clock.h"
#include "tests/base/fake_timer.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_identity_store.h"
#include "tests/identity/authorized_for_test.h"
#include "tests/session/fake_wechat_api.h"

namespace wxident {
namespace {

class CodeExchangeTest : public testing::Test {
 protected:
  using Answer = absl::StatusOr<CodeExchange::Answer>;
  static constexpr char kCaller[] = "spiffe://caller";

  void AddCode(const std::string& code, const std::string& openid = "o_alice") {
    wechat_.AddCode(code, {openid, "u_alice", Secret("key")});
  }

  using AnswerPtr = std::shared_ptr<std::optional<Answer>>;
  AnswerPtr Begin(CodeExchange& logins, const App& app, const std::string& code,
                  absl::Duration left = absl::Seconds(3),
                  const std::string& caller = kCaller) {
    auto answer = std::make_shared<std::optional<Answer>>();
    logins.Login(AuthorizedForTest::OfApp(app), caller, Secret(code),
                 absl::Hours(1), Deadline::After(left, clock_),
                 [answer](Answer given) { *answer = std::move(given); });
    return answer;
  }
  // The same of another caller.
  AnswerPtr BeginAsOther(CodeExchange& logins, const std::string& code) {
    return Begin(logins, app_, code, absl::Seconds(3), "spiffe://other");
  }

  // The answer if it came inline.
  std::optional<Answer> Login(const std::string& code,
                              absl::Duration left = absl::Seconds(3)) {
    return *Begin(logins_, app_, code, left);
  }

  FakeStoreData::SessionRow& OnlySession() {
    EXPECT_EQ(data_.sessions.size(), 1u);
    return data_.sessions.begin()->second;
  }

  FakeClock clock_;
  FakeRandom random_;
  FakeWechatApi wechat_;
  FakeStoreData data_{clock_};
  FakeIdentityStore store_{data_};
  App app_{"wx0123456789abcdef", AppKind::kMiniProgram, "main", Secret("s")};
  App official_{"wx00000000000000bb", AppKind::kOfficialAccount, "main",
                Secret("s")};
  App mobile_{"wx00000000000000cc", AppKind::kMobile, "main", Secret("s")};
  FakeTimer timer_{clock_};
  CodeExchange logins_{wechat_, store_, timer_, clock_, random_};
  // Another replica.
  CodeExchange other_{wechat_, store_, timer_, clock_, random_};
};

TEST_F(CodeExchangeTest, MakesASession) {
  AddCode("code");
  const std::optional<Answer> answer = Login("code");
  ASSERT_TRUE(answer.has_value() && answer->ok());
  const SignedIn& signed_in = (*answer)->signed_in;
  EXPECT_TRUE(signed_in.new_user);
  EXPECT_EQ(signed_in.session.identity.openid, "o_alice");
  EXPECT_EQ(signed_in.session.expires_at, clock_.Now() + absl::Hours(1));
  EXPECT_EQ(data_.sessions.size(), 1u);
}

TEST_F(CodeExchangeTest, GivesTheAnswerAgainForFiveMinutes) {
  AddCode("code");
  const std::optional<Answer> first = Login("code");
  clock_.Advance(absl::Minutes(5) - absl::Seconds(1));
  const std::optional<Answer> again = Login("code");
  ASSERT_TRUE(again.has_value() && again->ok());
  EXPECT_EQ((*again)->session_token, (*first)->session_token);
  EXPECT_TRUE((*again)->signed_in.new_user);
  EXPECT_EQ(wechat_.exchanges(), 1);

  clock_.Advance(absl::Seconds(2));
  const AnswerPtr late = Begin(logins_, app_, "code");
  timer_.RunAll();
  EXPECT_TRUE(HasReason((*late)->status(), Reason::kLoginCodeConsumed));
  EXPECT_EQ(wechat_.exchanges(), 2);
}

TEST_F(CodeExchangeTest, TheSameCodeOfAnotherAppIsAnotherCode) {
  AddCode("code");
  const App other{"wxfedcba9876543210", AppKind::kMiniProgram, "main",
                  Secret("s")};
  ASSERT_TRUE(Login("code")->ok());
  const AnswerPtr answer = Begin(logins_, other, "code");
  EXPECT_EQ(wechat_.exchanges(), 2);
  // This WeChat has one set of codes; the store must not mix the apps up.
  timer_.RunAll();
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE(HasReason((*answer)->status(), Reason::kLoginCodeConsumed));
}

TEST_F(CodeExchangeTest, CallsAtOnceShareOneExchange) {
  AddCode("code");
  wechat_.Hold();
  std::atomic<int> answered{0};
  std::vector<std::string> tokens(64);
  std::vector<std::thread> callers;
  for (std::string& token : tokens)
    callers.emplace_back([&] {
      logins_.Login(AuthorizedForTest::OfApp(app_), kCaller, Secret("code"),
                    absl::Hours(1), Deadline::After(absl::Seconds(3), clock_),
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

TEST_F(CodeExchangeTest, ManyRacersWithManyCodes) {
  constexpr int kCodes = 50;
  for (int i = 0; i < kCodes; ++i)
    AddCode(absl::StrCat("code", i), absl::StrCat("o", i));
  std::atomic<int> failed{0};
  std::vector<std::thread> racers;
  for (int racer = 0; racer < 8; ++racer)
    racers.emplace_back([&] {
      for (int i = 0; i < kCodes; ++i)
        logins_.Login(AuthorizedForTest::OfApp(app_), kCaller,
                      Secret(absl::StrCat("code", i)), absl::Hours(1),
                      Deadline::After(absl::Seconds(3), clock_),
                      [&](Answer given) { failed += given.ok() ? 0 : 1; });
    });
  for (std::thread& racer : racers) racer.join();
  EXPECT_EQ(failed.load(), 0);
  EXPECT_EQ(wechat_.exchanges(), kCodes);
  EXPECT_EQ(data_.sessions.size(), static_cast<size_t>(kCodes));
}

TEST_F(CodeExchangeTest, AfterAFailedStoreOnlyTheStoreIsAskedAgain) {
  AddCode("code");
  store_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_TRUE(HasReason(Login("code")->status(), Reason::kStoreUnavailable));
  EXPECT_TRUE(HasReason(Login("code")->status(), Reason::kStoreUnavailable));
  store_.FailWith(absl::OkStatus());
  EXPECT_TRUE(Login("code")->ok());
  EXPECT_EQ(wechat_.exchanges(), 1);
  EXPECT_EQ(data_.sessions.size(), 1u);
}

TEST_F(CodeExchangeTest, WhatWasNotSentMayBeSentAgain) {
  AddCode("code");
  for (Reason unsent : {Reason::kWechatUnreachable, Reason::kOverloaded}) {
    wechat_.FailNext(Error(unsent, "not sent").ToStatus());
    EXPECT_TRUE(HasReason(Login("code")->status(), unsent));
  }
  EXPECT_TRUE(Login("code")->ok());
  EXPECT_EQ(wechat_.exchanges(), 3);
}

TEST_F(CodeExchangeTest, WhatMayHaveBeenSentIsNeverSentAgain) {
  int number = 0;
  for (Reason ambiguous : {Reason::kOutcomeUnknown, Reason::kWechatBusy,
                           Reason::kWechatBadResponse, Reason::kDeadlinePassed,
                           Reason::kWechatRateLimited}) {
    const std::string code = absl::StrCat("code", ++number);
    AddCode(code);
    wechat_.FailNext(Error(ambiguous, "who knows").ToStatus());
    EXPECT_TRUE(HasReason(Login(code)->status(), ambiguous));
    for (int i = 0; i < 2; ++i) {
      const absl::Status later = Login(code)->status();
      EXPECT_TRUE(HasReason(later, Reason::kLoginCodeConsumed)) << later;
    }
    EXPECT_EQ(wechat_.exchanges(), number);
  }
}

TEST_F(CodeExchangeTest, AFinalErrorIsRepeatedWithoutAskingAgain) {
  EXPECT_TRUE(HasReason(Login("bad")->status(), Reason::kLoginCodeInvalid));
  const absl::Status again = Login("bad")->status();
  EXPECT_TRUE(HasReason(again, Reason::kLoginCodeInvalid));
  EXPECT_EQ(DetailsOf(again).metadata.at("errcode"), "40029");
  EXPECT_EQ(wechat_.exchanges(), 1);
}

TEST_F(CodeExchangeTest, TheLatestDeadlineOfAllWhoWaitCountsForTheStore) {
  AddCode("code");
  wechat_.Hold();
  std::optional<Answer> impatient;
  std::optional<Answer> patient;
  logins_.Login(AuthorizedForTest::OfApp(app_), kCaller, Secret("code"),
                absl::Hours(1), Deadline::After(absl::Seconds(1), clock_),
                [&](Answer given) { impatient = std::move(given); });
  logins_.Login(AuthorizedForTest::OfApp(app_), kCaller, Secret("code"),
                absl::Hours(1), Deadline::After(absl::Seconds(9), clock_),
                [&](Answer given) { patient = std::move(given); });
  clock_.Advance(absl::Seconds(2));
  wechat_.Release();
  ASSERT_TRUE(patient.has_value());
  EXPECT_TRUE(patient->ok()) << patient->status();
}

// Web codes.

TEST_F(CodeExchangeTest, AWebCodeMakesASessionAndAGrant) {
  wechat_.AddOauthCode("code", {.openid = "o_alice",
                                .unionid = "u_alice",
                                .access_token = Secret("access"),
                                .expires_in = absl::Hours(2),
                                .refresh_token = Secret("refresh"),
                                .scope = "snsapi_userinfo"});
  const AnswerPtr answer = Begin(logins_, official_, "code");
  ASSERT_TRUE(answer->has_value() && (*answer)->ok());
  EXPECT_EQ((**answer)->signed_in.session.identity.unionid, "u_alice");
  EXPECT_EQ(wechat_.calls("jscode2session"), 0);
  EXPECT_TRUE(data_.keys.empty());
  const OauthGrant& grant =
      data_.grants.at({official_.app_id, "o_alice"}).grant;
  EXPECT_EQ(grant.access_token, Secret("access"));
  EXPECT_EQ(grant.access_expires_at, clock_.Now() + absl::Hours(2));
  EXPECT_EQ(grant.refresh_token, Secret("refresh"));
  EXPECT_EQ(grant.refresh_expires_at, clock_.Now() + absl::Hours(30 * 24));
  EXPECT_EQ(grant.scope, "snsapi_userinfo");
}

TEST_F(CodeExchangeTest, AMobileAppsGrantLivesLonger) {
  wechat_.AddOauthCode("code", {.openid = "o_alice",
                                .access_token = Secret("access"),
                                .expires_in = absl::Hours(2),
                                .refresh_token = Secret("refresh"),
                                .scope = "snsapi_userinfo"});
  ASSERT_TRUE((*Begin(logins_, mobile_, "code"))->ok());
  EXPECT_EQ(
      data_.grants.at({mobile_.app_id, "o_alice"}).grant.refresh_expires_at,
      clock_.Now() + absl::Hours(180 * 24));
}

TEST_F(CodeExchangeTest, OfASnapshotUserNothingIsStored) {
  wechat_.AddSnapshotCode("code");
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(HasReason((*Begin(logins_, official_, "code"))->status(),
                          Reason::kSnapshotUser));
  EXPECT_EQ(wechat_.calls("oauth2_access_token"), 1);
  EXPECT_TRUE(data_.identities.empty());
  EXPECT_TRUE(data_.sessions.empty());
}

// Two replicas.

TEST_F(CodeExchangeTest, AReplicaAnswersWhatTheOtherAnswered) {
  AddCode("code");
  const std::optional<Answer> first = Login("code");
  const AnswerPtr second = Begin(other_, app_, "code");
  ASSERT_TRUE(second->has_value() && (*second)->ok());
  EXPECT_EQ((**second)->session_token, (*first)->session_token);
  EXPECT_TRUE((**second)->signed_in.new_user);
  EXPECT_EQ(data_.sessions.size(), 1u);
  EXPECT_EQ(wechat_.exchanges(), 2);
  EXPECT_TRUE(timer_.delays().empty());
  // And knows that WeChat need not be asked again.
  EXPECT_TRUE((*Begin(other_, app_, "code"))->ok());
  EXPECT_EQ(wechat_.exchanges(), 2);
}

TEST_F(CodeExchangeTest, AnAnswerThatIsNotThereYetIsWaitedFor) {
  AddCode("code");
  store_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_FALSE(Login("code")->ok());
  store_.FailWith(absl::OkStatus());
  const AnswerPtr second = Begin(other_, app_, "code");
  const AnswerPtr joined = Begin(other_, app_, "code");
  EXPECT_TRUE(timer_.RunNext());
  EXPECT_TRUE(timer_.RunNext());
  EXPECT_FALSE(second->has_value());
  const std::optional<Answer> first = Login("code");
  ASSERT_TRUE(first->ok());
  EXPECT_TRUE(timer_.RunNext());
  ASSERT_TRUE(second->has_value() && (*second)->ok());
  EXPECT_EQ((**second)->session_token, (*first)->session_token);
  ASSERT_TRUE(joined->has_value() && (*joined)->ok());
  EXPECT_EQ(wechat_.exchanges(), 2);
  EXPECT_FALSE(timer_.RunNext());
}

TEST_F(CodeExchangeTest, ACodeWithoutAnAnswerIsConsumedAndLookedForOnceMore) {
  AddCode("code");
  store_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_FALSE(Login("code")->ok());
  store_.FailWith(absl::OkStatus());
  const AnswerPtr second = Begin(other_, app_, "code");
  timer_.RunAll();
  EXPECT_EQ(timer_.delays(),
            (std::vector<absl::Duration>{
                absl::Milliseconds(20), absl::Milliseconds(40),
                absl::Milliseconds(80), absl::Milliseconds(160),
                absl::Milliseconds(320)}));
  ASSERT_TRUE(second->has_value());
  EXPECT_TRUE(HasReason((*second)->status(), Reason::kLoginCodeConsumed));
  EXPECT_EQ(DetailsOf((*second)->status()).metadata.at("errcode"), "40163");

  // Later calls look once, without waiting, and find what has come since.
  EXPECT_TRUE(HasReason((*Begin(other_, app_, "code"))->status(),
                        Reason::kLoginCodeConsumed));
  const std::optional<Answer> first = Login("code");
  ASSERT_TRUE(first->ok());
  const AnswerPtr late = Begin(other_, app_, "code");
  ASSERT_TRUE(late->has_value() && (*late)->ok());
  EXPECT_EQ((**late)->session_token, (*first)->session_token);
  EXPECT_EQ(wechat_.exchanges(), 2);
  EXPECT_EQ(timer_.delays().size(), 5u);
}

TEST_F(CodeExchangeTest, ALostOutcomeHidesNoAnswerOfAnotherReplica) {
  AddCode("code");
  wechat_.FailNext(Error(Reason::kOutcomeUnknown, "who knows").ToStatus());
  EXPECT_FALSE(Login("code")->ok());
  const AnswerPtr other = Begin(other_, app_, "code");
  ASSERT_TRUE((*other)->ok());
  const std::optional<Answer> again = Login("code");
  ASSERT_TRUE(again->ok());
  EXPECT_EQ((*again)->session_token, (**other)->session_token);
}

TEST_F(CodeExchangeTest, TheCallersDeadlineEndsTheLooking) {
  AddCode("code");
  store_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_FALSE(Login("code")->ok());
  store_.FailWith(absl::OkStatus());
  const AnswerPtr hurried =
      Begin(other_, app_, "code", absl::Milliseconds(100));
  while (timer_.RunNext()) {
  }
  ASSERT_TRUE(hurried->has_value());
  EXPECT_TRUE(HasReason((*hurried)->status(), Reason::kLoginCodeConsumed));
  EXPECT_EQ(timer_.delays().size(), 2u);
}

TEST_F(CodeExchangeTest, AStoreThatCannotBeAskedIsNotANo) {
  AddCode("code");
  const std::optional<Answer> first = Login("code");
  store_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  const AnswerPtr second = Begin(other_, app_, "code");
  timer_.RunAll();
  ASSERT_TRUE(second->has_value());
  EXPECT_TRUE(HasReason((*second)->status(), Reason::kStoreUnavailable));
  store_.FailWith(absl::OkStatus());
  const AnswerPtr again = Begin(other_, app_, "code");
  ASSERT_TRUE((*again)->ok());
  EXPECT_EQ((**again)->session_token, (*first)->session_token);
}

// What has been answered is the store's to give again.

TEST_F(CodeExchangeTest, AnAnswerIsGivenAgainAsLongAsItsSessionIsActive) {
  int number = 0;
  const std::function<void()> ends[] = {
      [&] { OnlySession().revoked = true; },
      [&] { OnlySession().expires_at = clock_.Now(); },
      [&] {
        data_.answers.clear();  // as erasing does
        data_.sessions.clear();
      },
  };
  for (const auto& end : ends) {
    const std::string code = absl::StrCat("code", ++number);
    AddCode(code);
    const std::optional<Answer> first = Login(code);
    ASSERT_TRUE(first->ok());
    for (CodeExchange* replica : {&logins_, &other_, &logins_}) {
      const AnswerPtr again = Begin(*replica, app_, code);
      ASSERT_TRUE((*again)->ok()) << (*again)->status();
      EXPECT_EQ((**again)->session_token, (*first)->session_token);
    }
    end();
    const int exchanges = wechat_.exchanges();
    for (CodeExchange* replica : {&logins_, &other_, &logins_}) {
      const AnswerPtr again = Begin(*replica, app_, code);
      timer_.RunAll();
      ASSERT_TRUE(again->has_value());
      EXPECT_TRUE(HasReason((*again)->status(), Reason::kLoginCodeConsumed));
    }
    EXPECT_EQ(wechat_.exchanges(), exchanges);
    data_.sessions.clear();
    data_.answers.clear();
  }
}

TEST_F(CodeExchangeTest, WhileTheStoreCannotBeAskedNoAnswerIsGivenAgain) {
  AddCode("code");
  const std::optional<Answer> first = Login("code");
  store_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_TRUE(HasReason(Login("code")->status(), Reason::kStoreUnavailable));
  store_.FailWith(absl::OkStatus());
  const std::optional<Answer> again = Login("code");
  ASSERT_TRUE(again->ok());
  EXPECT_EQ((*again)->session_token, (*first)->session_token);
  EXPECT_EQ(wechat_.exchanges(), 1);
}

// A code is its first presenter's.

TEST_F(CodeExchangeTest, AnotherCallersUseIsThatOfASpentCode) {
  AddCode("code");
  const std::optional<Answer> first = Login("code");
  ASSERT_TRUE(first->ok());
  for (CodeExchange* replica : {&logins_, &other_, &logins_}) {
    const AnswerPtr stolen = BeginAsOther(*replica, "code");
    timer_.RunAll();
    ASSERT_TRUE(stolen->has_value());
    EXPECT_TRUE(HasReason((*stolen)->status(), Reason::kLoginCodeConsumed));
    EXPECT_EQ(DetailsOf((*stolen)->status()).Fact("errcode"), "40163");
  }
  EXPECT_EQ(data_.sessions.size(), 1u);
  // The first one's answer is what it was.
  const std::optional<Answer> again = Login("code");
  ASSERT_TRUE(again->ok());
  EXPECT_EQ((*again)->session_token, (*first)->session_token);
}

TEST_F(CodeExchangeTest, AnotherCallerDoesNotJoin) {
  AddCode("code");
  wechat_.Hold();
  const AnswerPtr first = Begin(logins_, app_, "code");
  const AnswerPtr stolen = BeginAsOther(logins_, "code");
  const AnswerPtr joined = Begin(logins_, app_, "code");
  wechat_.Release();
  timer_.RunAll();
  ASSERT_TRUE((*first)->ok());
  ASSERT_TRUE((*joined)->ok());
  EXPECT_EQ((**joined)->session_token, (**first)->session_token);
  EXPECT_TRUE(HasReason((*stolen)->status(), Reason::kLoginCodeConsumed));
  EXPECT_EQ(wechat_.exchanges(), 2);
}

TEST_F(CodeExchangeTest, RacersOverTwoReplicasGetOneAnswerForEachCode) {
  constexpr int kCodes = 200;
  constexpr int kRacers = 64;
  for (int i = 0; i < kCodes; ++i)
    AddCode(absl::StrCat("code", i), absl::StrCat("o", i));
  std::vector<std::vector<std::string>> tokens(
      kRacers, std::vector<std::string>(kCodes));
  std::vector<std::thread> racers;
  for (int racer = 0; racer < kRacers; ++racer)
    racers.emplace_back([&, racer] {
      for (int i = 0; i < kCodes; ++i)
        (racer % 2 == 0 ? logins_ : other_)
            .Login(AuthorizedForTest::OfApp(app_), kCaller,
                   Secret(absl::StrCat("code", i)), absl::Hours(1),
                   Deadline::After(absl::Seconds(3), clock_),
                   [&, racer, i](Answer given) {
                     tokens[racer][i] = given.ok()
                                            ? given->session_token.Expose()
                                            : given.status().ToString();
                   });
    });
  for (std::thread& racer : racers) racer.join();
  // Who looked before the other replica had stored its answer looks again.
  timer_.RunAll();
  for (int i = 0; i < kCodes; ++i) {
    EXPECT_EQ(tokens[0][i].substr(0, 5), "wxs1_");
    for (int racer = 1; racer < kRacers; ++racer)
      EXPECT_EQ(tokens[racer][i], tokens[0][i]);
  }
  EXPECT_EQ(data_.sessions.size(), static_cast<size_t>(kCodes));
  EXPECT_EQ(wechat_.exchanges(), 2 * kCodes);
}

}  // namespace
}  // namespace wxident

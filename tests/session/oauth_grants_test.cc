#include "server/session/oauth_grants.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/identity/error.h"
#include "tests/base/fake_clock.h"
#include "tests/fakes/fake_grant_store.h"
#include "tests/session/fake_wechat_api.h"

namespace wxident {
namespace {

constexpr char kApp[] = "wx00000000000000bb";

class OauthGrantsTest : public testing::Test {
 protected:
  using Token = absl::StatusOr<OauthGrants::WebToken>;
  using Profile = absl::StatusOr<OauthGrants::OauthProfile>;

  OauthGrantsTest() {
    data_.users["user"] = clock_.Now();
    data_.identities[{kApp, "o_alice"}].user_id = "user";
    auto& session = data_.sessions["hash"];
    session.identity = {kApp, "o_alice"};
    session.expires_at = clock_.Now() + absl::Hours(24 * 365);
  }

  void Authorise(const std::string& scope = "snsapi_userinfo") {
    wechat_.AddGrant({.openid = "o_alice",
                      .access_token = Secret("first"),
                      .expires_in = absl::Hours(2),
                      .refresh_token = Secret("refresh"),
                      .scope = scope});
    data_.grants[{kApp, "o_alice"}].grant = {
        .access_token = Secret("first"),
        .access_expires_at = clock_.Now() + absl::Hours(2),
        .refresh_token = Secret("refresh"),
        .refresh_expires_at = clock_.Now() + absl::Hours(30 * 24),
        .scope = scope};
  }

  Deadline Soon() { return Deadline::After(absl::Seconds(3), clock_); }

  std::shared_ptr<std::optional<Token>> Begin(
      std::optional<Secret> rejected = std::nullopt) {
    auto answer = std::make_shared<std::optional<Token>>();
    grants_.GetToken(ByOpenid{kApp, "o_alice"}, std::move(rejected), Soon(),
                     [answer](Token token) { *answer = std::move(token); });
    return answer;
  }
  // The token, or its error's reason; "" when there was no answer.
  std::string Get(std::optional<Secret> rejected = std::nullopt) {
    return Text(*Begin(std::move(rejected)));
  }
  static std::string Text(const std::optional<Token>& answer) {
    if (!answer.has_value()) return "";
    if (answer->ok()) return (*answer)->token.Expose();
    return std::string(ReasonName(DetailsOf(answer->status()).reason));
  }

  Profile Fetch(ProfileQuery query = ByOpenid{kApp, "o_alice"}) {
    Profile answer = absl::UnknownError("no answer");
    grants_.FetchProfile(std::move(query), "zh_CN", Soon(),
                         [&](Profile given) { answer = std::move(given); });
    return answer;
  }

  int refreshes() { return wechat_.calls("oauth2_refresh_token"); }

  FakeClock clock_;
  FakeWechatApi wechat_;
  FakeStoreData data_{clock_};
  FakeGrantStore store_{data_};
  Apps apps_{
      {App{kApp, AppKind::kOfficialAccount, "main", Secret("app secret")}}};
  OauthGrants grants_{apps_, wechat_, store_, clock_};
};

TEST_F(OauthGrantsTest, AValidTokenComesFromTheStore) {
  Authorise();
  const auto answer = Begin();
  ASSERT_TRUE((*answer)->ok());
  EXPECT_EQ((**answer)->user.user_id, "user");
  EXPECT_EQ((**answer)->identity.openid, "o_alice");
  EXPECT_EQ((**answer)->expires_at, clock_.Now() + absl::Hours(2));
  EXPECT_EQ(Text(*answer), "first");
  EXPECT_EQ(refreshes(), 0);
}

TEST_F(OauthGrantsTest, ATokenThatIsDueIsRefreshedAndKept) {
  Authorise();
  clock_.Advance(absl::Hours(2) - absl::Seconds(59));
  const std::string fresh = Get();
  EXPECT_EQ(fresh, "oauth_token_1");
  const OauthGrant& kept = data_.grants.at({kApp, "o_alice"}).grant;
  EXPECT_EQ(kept.access_token.Expose(), fresh);
  EXPECT_EQ(kept.access_expires_at, clock_.Now() + absl::Hours(2));
  EXPECT_EQ(kept.scope, "snsapi_userinfo");
  EXPECT_EQ(Get(), fresh);
  EXPECT_EQ(refreshes(), 1);
}

TEST_F(OauthGrantsTest, ManyAtOnceShareOneRefresh) {
  Authorise();
  clock_.Advance(absl::Hours(3));
  wechat_.Hold();
  std::atomic<int> answered{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 64; ++i)
    callers.emplace_back([&] {
      grants_.GetToken(
          ByOpenid{kApp, "o_alice"}, std::nullopt, Soon(), [&](Token token) {
            if (token.ok() && token->token == Secret("oauth_token_1"))
              ++answered;
          });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(answered.load(), 0);
  wechat_.Release();
  EXPECT_EQ(answered.load(), 64);
  EXPECT_EQ(refreshes(), 1);
}

TEST_F(OauthGrantsTest, RacersAreAllAnsweredByFewRefreshes) {
  Authorise();
  clock_.Advance(absl::Hours(3));
  std::atomic<int> failed{0};
  std::vector<std::thread> racers;
  for (int racer = 0; racer < 8; ++racer)
    racers.emplace_back([&] {
      for (int i = 0; i < 100; ++i)
        grants_.GetToken(ByOpenid{kApp, "o_alice"}, std::nullopt, Soon(),
                         [&](Token token) { failed += token.ok() ? 0 : 1; });
    });
  for (std::thread& racer : racers) racer.join();
  EXPECT_EQ(failed.load(), 0);
  // A flight reads the store before it refreshes.
  EXPECT_EQ(refreshes(), 1);
}

TEST_F(OauthGrantsTest, ARejectedTokenIsReplacedOnce) {
  Authorise();
  EXPECT_EQ(Get(Secret("older")), "first");
  EXPECT_EQ(Get(Secret("first")), "oauth_token_1");
  EXPECT_EQ(Get(Secret("first")), "oauth_token_1");
  EXPECT_EQ(refreshes(), 1);
}

TEST_F(OauthGrantsTest, ARejectionThatJoinsARefreshOfTheSameTokenIsServed) {
  Authorise();
  clock_.Advance(absl::Hours(2) - absl::Seconds(30));
  wechat_.Hold();
  const auto due = Begin();
  const auto rejected = Begin(Secret("first"));
  wechat_.Release();
  EXPECT_EQ(Text(*due), "oauth_token_1");
  EXPECT_EQ(Text(*rejected), "oauth_token_1");
  EXPECT_EQ(refreshes(), 1);
}

TEST_F(OauthGrantsTest, WhatWechatTakesNoMoreHasExpired) {
  EXPECT_EQ(Get(), "OAUTH_GRANT_EXPIRED") << "never authorised";
  Authorise();
  wechat_.EndGrant(Secret("refresh"));
  EXPECT_EQ(Get(), "first") << "nobody has noticed yet";
  EXPECT_EQ(Get(Secret("first")), "OAUTH_GRANT_EXPIRED");
  clock_.Advance(absl::Hours(3));
  EXPECT_EQ(Get(), "OAUTH_GRANT_EXPIRED");
}

TEST_F(OauthGrantsTest, ARefreshTokenPastItsTimeIsNotSent) {
  Authorise();
  clock_.Advance(absl::Hours(30 * 24));
  EXPECT_EQ(Get(), "OAUTH_GRANT_EXPIRED");
  EXPECT_EQ(refreshes(), 0);
}

TEST_F(OauthGrantsTest, WhileWechatIsGoneTheRestOfTheTokenServes) {
  Authorise();
  clock_.Advance(absl::Hours(2) - absl::Seconds(10));
  wechat_.FailNext(Error(Reason::kWechatUnreachable, "gone").ToStatus());
  EXPECT_EQ(Get(), "first");
  wechat_.FailNext(Error(Reason::kWechatUnreachable, "gone").ToStatus());
  EXPECT_EQ(Get(Secret("first")), "WECHAT_UNREACHABLE");
  clock_.Advance(absl::Seconds(10));
  wechat_.FailNext(Error(Reason::kWechatUnreachable, "gone").ToStatus());
  EXPECT_EQ(Get(), "WECHAT_UNREACHABLE");
  EXPECT_EQ(Get(), "oauth_token_1");
}

TEST_F(OauthGrantsTest, WhoIsNotThereIsSaidAsAsked) {
  absl::Status status;
  const auto keep = [&](Token token) { status = token.status(); };
  grants_.GetToken(ByOpenid{kApp, "o_nobody"}, std::nullopt, Soon(), keep);
  EXPECT_TRUE(HasReason(status, Reason::kUserNotFound));
  grants_.GetToken(BySession{"nothing"}, std::nullopt, Soon(), keep);
  EXPECT_TRUE(HasReason(status, Reason::kSessionNotActive));
  store_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_EQ(Get(), "STORE_UNAVAILABLE");
}

TEST_F(OauthGrantsTest, AProfileIsAskedForWithThePersonsToken) {
  Authorise();
  FetchedProfile told;
  told.openid = "o_alice";
  told.unionid = "u_alice";
  told.profile.nickname = "Alice";
  wechat_.SetOauthProfile(told);
  const Profile profile = Fetch(BySession{"hash"});
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->profile.nickname, "Alice");
  EXPECT_EQ(profile->identity.unionid, "u_alice");
  EXPECT_EQ(profile->user.user_id, "user");
}

TEST_F(OauthGrantsTest, AKnownUnionidStaysWhenWechatTellsNone) {
  Authorise();
  data_.identities[{kApp, "o_alice"}].unionid = "u_alice";
  const Profile profile = Fetch();
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->identity.unionid, "u_alice");
}

TEST_F(OauthGrantsTest, AScopeWithoutProfilesIsRefusedUnasked) {
  Authorise("snsapi_base");
  clock_.Advance(absl::Hours(3));
  EXPECT_TRUE(HasReason(Fetch().status(), Reason::kOauthScopeInsufficient));
  EXPECT_EQ(wechat_.calls("sns_userinfo"), 0);
  EXPECT_EQ(refreshes(), 0);
  EXPECT_EQ(Get(), "oauth_token_1") << "the token itself is of use";
}

TEST_F(OauthGrantsTest, EachScopeThatGivesProfilesWorks) {
  for (const char* scope :
       {"snsapi_userinfo", "snsapi_login", "snsapi_base,snsapi_userinfo"}) {
    Authorise(scope);
    EXPECT_TRUE(Fetch().ok()) << scope;
  }
}

TEST_F(OauthGrantsTest, ATokenRefusedAtUserinfoIsRefreshedOnce) {
  Authorise();
  wechat_.ExpireOauthToken(Secret("first"));
  EXPECT_TRUE(Fetch().ok());
  EXPECT_EQ(wechat_.calls("sns_userinfo"), 2);
  EXPECT_EQ(refreshes(), 1);
}

TEST_F(OauthGrantsTest, ATokenRefusedTwiceMeansTheGrantHasExpired) {
  Authorise();
  for (int i = 0; i < 2; ++i)
    wechat_.FailNextAt("sns_userinfo",
                       Error(Reason::kWechatBadResponse, "refused")
                           .With("errcode", "40001")
                           .ToStatus());
  EXPECT_TRUE(HasReason(Fetch().status(), Reason::kOauthGrantExpired));
  EXPECT_EQ(wechat_.calls("sns_userinfo"), 2);
  EXPECT_EQ(refreshes(), 1);
}

TEST_F(OauthGrantsTest, AWithdrawnGrantHasExpired) {
  Authorise();
  wechat_.EndGrant(Secret("refresh"));
  EXPECT_TRUE(HasReason(Fetch().status(), Reason::kOauthGrantExpired));
}

TEST_F(OauthGrantsTest, AnotherPersonsAnswerIsNotTaken) {
  Authorise();
  FetchedProfile told;
  told.openid = "o_alice";
  wechat_.SetOauthProfile(told);
  data_.identities[{kApp, "o_bob"}].user_id = "user";
  data_.grants[{kApp, "o_bob"}] = data_.grants[{kApp, "o_alice"}];
  data_.grants[{kApp, "o_bob"}].grant.access_expires_at = clock_.Now();
  absl::Status status;
  grants_.GetToken(ByOpenid{kApp, "o_bob"}, std::nullopt, Soon(),
                   [&](Token token) { status = token.status(); });
  EXPECT_TRUE(HasReason(status, Reason::kWechatBadResponse));
  EXPECT_EQ(data_.grants.at({kApp, "o_bob"}).grant.access_token,
            Secret("first"));
}

}  // namespace
}  // namespace wxident

// What callers notice of the database or WeChat being away.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <set>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/faults/tcp_proxy.h"
#include "tests/integration/keeper_fleet.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

class KeeperOutageTest : public testing::Test {
 protected:
  static constexpr size_t kServers = 4;

  KeeperOutageTest()
      : apps_(MakeTokenApps(2)),
        world_(PrivatePostgres::Durability::kNone, apps_) {}

  int CallsOf(const WorldApp& app) {
    return static_cast<int>(world_.sim().TokenCalls(app.id).size());
  }
  bool IsAccepted(const WorldApp& app, const TokenAnswer& answer) {
    const std::vector<std::string> accepted =
        world_.sim().TokensOf(app.id, app.token_mode).accepted;
    return std::count(accepted.begin(), accepted.end(),
                      Simulator::DigestOf(answer.token.access_token())) == 1;
  }
  // Every server's answer for every app; all must be tokens that work.
  std::vector<std::vector<TokenAnswer>> AllGood(Fleet& fleet) {
    std::vector<std::vector<TokenAnswer>> all = fleet.AskAll(IdsOf(apps_));
    for (size_t app = 0; app < apps_.size(); ++app)
      for (const TokenAnswer& answer : all[app]) {
        EXPECT_TRUE(answer.status.ok())
            << apps_[app].id << ": " << ReasonOf(answer.status) << " "
            << answer.status.error_message();
        EXPECT_TRUE(IsAccepted(apps_[app], answer)) << apps_[app].id;
      }
    return all;
  }

  const std::vector<WorldApp> apps_;
  World world_;
};

TEST_F(KeeperOutageTest, WithoutTheDatabaseEachServerFetchesOnceAtMost) {
  TcpProxy proxy(world_.postgres().port());
  Fleet fleet(world_, kServers,
              {{"--database-url", world_.postgres().ServerUrlAt(proxy.port())},
               nullptr});
  std::vector<int> calls;
  for (const WorldApp& app : apps_) fleet.Agreed(app.id, 1);
  // Three and a half seconds more, then each token is in its last minute.
  world_.PassTime(absl::Seconds(7135));
  world_.Query(
      "UPDATE app_credentials SET expires_at = now() + interval '63.5 s', "
      "refresh_at = now() + interval '3.5 s'");
  ASSERT_TRUE(Eventually(absl::Seconds(3), [&] {
    for (const auto& answers : AllGood(fleet))
      for (const TokenAnswer& answer : answers)
        if (answer.token.expire_time().seconds() >
            absl::ToUnixSeconds(absl::Now()) + 65)
          return false;
    return true;
  }));
  for (const WorldApp& app : apps_) calls.push_back(CallsOf(app));

  proxy.Close();
  const Clock::time_point away = Clock::now();
  bool alone = false;
  while (SecondsSince(away) < (alone ? 8 : 20)) {
    alone = true;
    for (const auto& answers : AllGood(fleet))
      for (const TokenAnswer& answer : answers)
        if (answer.token.generation() != 0) alone = false;
    if (SecondsSince(away) < 2)
      EXPECT_FALSE(alone) << "the token was good enough";
  }
  EXPECT_TRUE(alone) << "a token of less than a minute's life was handed out";
  for (size_t app = 0; app < apps_.size(); ++app)
    EXPECT_LE(CallsOf(apps_[app]), calls[app] + static_cast<int>(kServers));

  proxy.Open();
  const Clock::time_point back = Clock::now();
  for (const WorldApp& app : apps_) {
    const v1::GetAccessTokenResponse token = fleet.Agreed(app.id, 2);
    std::cout << app.token_mode << ": all agree " << SecondsSince(back)
              << " s after the database's return" << std::endl;
    EXPECT_LT(SecondsSince(back), 2.0);
    EXPECT_EQ(Simulator::DigestOf(token.access_token()),
              world_.sim().TokensOf(app.id, app.token_mode).newest);
  }
  for (size_t app = 0; app < apps_.size(); ++app)
    EXPECT_LE(CallsOf(apps_[app]), calls[app] + static_cast<int>(kServers) + 1);
}

TEST_F(KeeperOutageTest, WechatAwayForAnHourIsNoticedWhenTheTokenExpires) {
  const std::string& url = world_.sim().url();
  int port = 0;
  ASSERT_TRUE(absl::SimpleAtoi(url.substr(url.rfind(':') + 1), &port));
  TcpProxy proxy(static_cast<uint16_t>(port));
  Fleet fleet(
      world_, kServers,
      {{"--wechat-base-urls", absl::StrCat("https://127.0.0.1:", proxy.port())},
       nullptr});
  for (const WorldApp& app : apps_) fleet.Agreed(app.id, 1);
  world_.PassTime(absl::Seconds(3550));

  proxy.Close();
  const auto passes = [&](absl::Duration time) {
    world_.PassTime(time);
    // Until all servers know, and a while longer where the refresh is due.
    const Clock::time_point passed = Clock::now();
    while (SecondsSince(passed) < 0.6) AllGood(fleet);
  };
  for (int i = 0; i < 6; ++i) passes(absl::Minutes(10));
  EXPECT_TRUE(Eventually(absl::Seconds(5), [&] {
    return world_.Count(
               "SELECT count(*) FROM app_credentials WHERE failures > 0 AND "
               "app_id LIKE 'wxfeed%'") == 2;
  })) << "no refresh was tried";
  passes(absl::Seconds(20));
  world_.PassTime(absl::Seconds(40));
  std::vector<std::vector<TokenAnswer>> answers;
  EXPECT_TRUE(Eventually(absl::Seconds(5), [&] {
    answers = fleet.AskAll(IdsOf(apps_));
    for (const auto& of_app : answers)
      for (const TokenAnswer& answer : of_app)
        if (answer.status.ok()) return false;
    return true;
  })) << "an expired token was handed out";
  for (const auto& of_app : answers)
    for (const TokenAnswer& answer : of_app) {
      EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAVAILABLE);
      EXPECT_EQ(ReasonOf(answer.status), "WECHAT_UNREACHABLE")
          << answer.status.error_message();
    }

  proxy.Open();
  for (const WorldApp& app : apps_) fleet.Agreed(app.id, 2, absl::Seconds(60));
}

TEST_F(KeeperOutageTest, AWrongSecretCostsOneCallIn30Seconds) {
  for (const WorldApp& app : apps_)
    world_.sim().Call("apps", {{"app_id", app.id}, {"secret", "changed"}});
  // Everybody goes on asking, well after the one call that is allowed.
  const auto refused = [&](Fleet& fleet, int calls) {
    const Clock::time_point began = Clock::now();
    while (SecondsSince(began) < 2)
      for (const WorldApp& app : apps_) {
        for (const TokenAnswer& answer : fleet.AskAtOnce(40, app.id)) {
          EXPECT_EQ(answer.status.error_code(),
                    grpc::StatusCode::FAILED_PRECONDITION)
              << answer.status.error_message();
          EXPECT_EQ(ReasonOf(answer.status), "APP_MISCONFIGURED");
        }
        EXPECT_EQ(CallsOf(app), calls) << app.id;
      }
  };
  {
    Fleet fleet(world_, kServers);
    refused(fleet, 1);
    Fleet another(world_, 1);
    refused(another, 1);
  }
  world_.PassTime(absl::Seconds(31));
  // New servers, for a server's own clock has not moved.
  Fleet fleet(world_, kServers);
  refused(fleet, 2);
}

TEST_F(KeeperOutageTest, AWrongSecretDoesNotTakeTheTokenAway) {
  Fleet fleet(world_, kServers);
  for (const WorldApp& app : apps_) {
    fleet.Agreed(app.id, 1);
    world_.sim().Call("apps", {{"app_id", app.id}, {"secret", "changed"}});
  }
  world_.PassTime(absl::Seconds(6970));
  EXPECT_TRUE(Eventually(absl::Seconds(10), [&] {
    AllGood(fleet);
    return CallsOf(apps_[0]) == 2 && CallsOf(apps_[1]) == 2;
  }));
  const Clock::time_point refused = Clock::now();
  while (SecondsSince(refused) < 2) AllGood(fleet);
  for (const WorldApp& app : apps_) {
    EXPECT_EQ(CallsOf(app), 2);
    world_.sim().Call("apps",
                      {{"app_id", app.id}, {"secret", AppSecret(app.id)}});
  }
}

}  // namespace
}  // namespace wxident

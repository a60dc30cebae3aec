#include "simulator/follower_endpoints.h"

#include <gtest/gtest.h>

#include "tests/simulator/harness.h"

namespace wxident::simulator {
namespace {

constexpr char kAccount[] = "wxaccount";

class Followers : public testing::Test {
 protected:
  Followers() { sim_.MakeApp(kAccount, "official_account"); }

  Json Follow(const std::string& user, bool subscribe = true) {
    return sim_.Control(
        "followers",
        {{"app_id", kAccount}, {"user", user}, {"subscribe", subscribe}});
  }
  std::string Token() { return sim_.OrdinaryToken(kAccount)["access_token"]; }
  Json Info(const std::string& openid) {
    return sim_.Get(absl::StrCat("/cgi-bin/user/info?access_token=", Token(),
                                 "&openid=", openid, "&lang=zh_CN"));
  }
  Json Batch(const Json& body) {
    return sim_.Post("/cgi-bin/user/info/batchget?access_token=" + Token(),
                     body);
  }

  Harness sim_;
};

TEST_F(Followers, AFollowerIsKnownWithUnionid) {
  const Json user =
      sim_.Control("users", {{"app_id", kAccount}, {"user", "alice"}});
  sim_.clock().Advance(absl::Minutes(1));
  const int64_t since = absl::ToUnixSeconds(sim_.clock().Now());
  const Json made =
      sim_.Control("followers", {{"app_id", kAccount},
                                 {"user", "alice"},
                                 {"subscribe", true},
                                 {"subscribe_scene", "ADD_SCENE_PAID"},
                                 {"qr_scene", 98765},
                                 {"qr_scene_str", "door"},
                                 {"remark", "vip"},
                                 {"groupid", 3},
                                 {"tagid_list", {128, 2}}});
  sim_.clock().Advance(absl::Minutes(1));
  EXPECT_EQ(made, (Json{{"subscribe", 1},
                        {"openid", user["openid"]},
                        {"language", "zh_CN"},
                        {"subscribe_time", since},
                        {"unionid", user["unionid"]},
                        {"remark", "vip"},
                        {"groupid", 3},
                        {"tagid_list", {128, 2}},
                        {"subscribe_scene", "ADD_SCENE_PAID"},
                        {"qr_scene", 98765},
                        {"qr_scene_str", "door"}}));
  EXPECT_EQ(Info(user["openid"]), made);
  // To say it again changes nothing.
  EXPECT_EQ(Follow("alice"), made);
}

TEST_F(Followers, WhoLeavesIsKnownByOpenidOnly) {
  const std::string openid = Follow("alice")["openid"];
  const Json gone = Follow("alice", false);
  EXPECT_EQ(gone, (Json{{"subscribe", 0},
                        {"openid", openid},
                        {"tagid_list", Json::array()}}));
  EXPECT_EQ(Info(openid), gone);
}

TEST_F(Followers, AnAccountWithoutOpenPlatformSeesNoUnionid) {
  sim_.Control("apps", {{"app_id", kAccount}, {"open_platform_account", ""}});
  EXPECT_FALSE(Follow("alice").contains("unionid"));
}

TEST_F(Followers, NamesAndPlacesComeOnRequest) {
  EXPECT_FALSE(Follow("alice").contains("nickname"));
  sim_.Control("settings", {{"profile_details", true}});
  EXPECT_EQ(Follow("alice")["nickname"], "微信用户");
}

TEST_F(Followers, AnUnknownOpenidIsRefused) {
  EXPECT_EQ(Info("")["errcode"], 41009);
  EXPECT_EQ(Info("onobody")["errcode"], 40003);
  const Json elsewhere =
      sim_.Control("users", {{"app_id", kApp}, {"user", "alice"}});
  EXPECT_EQ(Info(elsewhere["openid"])["errcode"], 40003);
}

TEST_F(Followers, OnlyAnOfficialAccountHasThem) {
  const std::string token = sim_.OrdinaryToken()["access_token"];
  EXPECT_EQ(sim_.Get("/cgi-bin/user/info?access_token=" + token)["errcode"],
            48001);
  EXPECT_EQ(sim_.Get("/cgi-bin/user/info")["errcode"], 41001);
}

TEST_F(Followers, ABatchAnswersInOrder) {
  const Json alice = Follow("alice");
  const Json bob = Follow("bob", false);
  EXPECT_EQ(Batch({{"user_list",
                    {{{"openid", bob["openid"]}, {"lang", "zh_CN"}},
                     {{"openid", alice["openid"]}}}}}),
            (Json{{"user_info_list", {bob, alice}}}));
}

TEST_F(Followers, OneBadOpenidFailsABatch) {
  const Json alice = Follow("alice");
  EXPECT_EQ(Batch({{"user_list",
                    {{{"openid", alice["openid"]}},
                     {{"openid", "onobody"}}}}})["errcode"],
            40003);
}

TEST_F(Followers, ABatchHoldsOneToAHundred) {
  const Json one = {{"openid", Follow("alice")["openid"]}};
  Json list = Json::array();
  EXPECT_EQ(Batch({{"user_list", list}})["errcode"], 40032);
  for (int i = 0; i < 100; ++i) list.push_back(one);
  EXPECT_EQ(Batch({{"user_list", list}})["user_info_list"].size(), 100u);
  list.push_back(one);
  EXPECT_EQ(Batch({{"user_list", list}})["errcode"], 40032);
  EXPECT_EQ(Batch(Json::object())["errcode"], 47001);
  EXPECT_EQ(Batch({{"user_list", {7}}})["errcode"], 47001);
}

}  // namespace
}  // namespace wxident::simulator

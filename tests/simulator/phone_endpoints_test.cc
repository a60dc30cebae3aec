#include "simulator/phone_endpoints.h"

#include <gtest/gtest.h>

#include "tests/simulator/harness.h"

namespace wxident::simulator {
namespace {

class PhoneTest : public testing::Test {
 protected:
  std::string Code(const std::string& app_id = kApp) {
    return sim_.Control("phone_code",
                        {{"app_id", app_id}, {"user", "alice"}})["code"];
  }
  Json Ask(const Json& body) {
    return sim_.Post("/wxa/business/getuserphonenumber?access_token=" + token_,
                     body);
  }

  Harness sim_;
  std::string token_ = sim_.StableToken()["access_token"];
};

TEST_F(PhoneTest, GivesTheNumberWithTheTimeOfTheUsersAction) {
  sim_.Control("users",
               {{"app_id", kApp}, {"user", "alice"}, {"phone", "13580006666"}});
  const std::string code = Code();
  const int64_t pressed = absl::ToUnixSeconds(sim_.clock().Now());
  sim_.clock().Advance(absl::Seconds(299));
  EXPECT_EQ(
      Ask({{"code", code}}),
      (Json{{"errcode", 0},
            {"errmsg", "ok"},
            {"phone_info",
             {{"phoneNumber", "13580006666"},
              {"purePhoneNumber", "13580006666"},
              {"countryCode", "86"},
              {"watermark", {{"timestamp", pressed}, {"appid", kApp}}}}}}));
  EXPECT_EQ(Ask({{"code", code}})["errcode"], 40029);
  sim_.Control("settings", {{"phone_code_reused_errcode", 40163}});
  EXPECT_EQ(Ask({{"code", code}})["errcode"], 40163);
}

TEST_F(PhoneTest, GivesForeignNumbersWithTheCountryCode) {
  sim_.Control("users",
               {{"app_id", kApp},
                {"user", "alice"},
                {"phone", {{"number", "91234567"}, {"country_code", "852"}}}});
  const Json info = Ask({{"code", Code()}})["phone_info"];
  EXPECT_EQ(info["phoneNumber"], "+85291234567");
  EXPECT_EQ(info["purePhoneNumber"], "91234567");
  EXPECT_EQ(info["countryCode"], "852");
  sim_.Control("settings", {{"foreign_phone_plus", false}});
  EXPECT_EQ(Ask({{"code", Code()}})["phone_info"]["phoneNumber"],
            "85291234567");
}

TEST_F(PhoneTest, RefusesWhatIsNoPhoneCodeOfThisApp) {
  sim_.Control("apps", {{"app_id", "wx2"}, {"secret", kSecret}});
  EXPECT_EQ(Ask({{"code", sim_.LoginCode("alice")}})["errcode"], 40029);
  EXPECT_EQ(Ask({{"code", "nonsense"}})["errcode"], 40029);
  EXPECT_EQ(Ask({{"code", Code("wx2")}})["errcode"], 40013);
  const std::string late = Code();
  sim_.clock().Advance(absl::Seconds(300));
  EXPECT_EQ(Ask({{"code", late}})["errcode"], 40029);
}

TEST_F(PhoneTest, ComparesTheOpenidAndKeepsTheCodeOnAMismatch) {
  const std::string code = Code();
  EXPECT_EQ(Ask({{"code", code}, {"openid", "other"}})["errcode"], 40003);
  const Json user =
      sim_.Control("users", {{"app_id", kApp}, {"user", "alice"}});
  EXPECT_EQ(Ask({{"code", code}, {"openid", user["openid"]}})["errcode"], 0);
}

TEST_F(PhoneTest, ChecksTokenThenEntitlementThenBody) {
  const std::string path = "/wxa/business/getuserphonenumber";
  EXPECT_EQ(sim_.Post(path, Json::object())["errcode"], 41001);
  EXPECT_EQ(Ask(Json::object())["errcode"], 47001);
  EXPECT_EQ(Ask({{"code", 7}})["errcode"], 47001);
  sim_.Control("apps", {{"app_id", kApp}, {"verified", false}});
  EXPECT_EQ(Ask({{"code", Code()}})["errcode"], 48001);
}

}  // namespace
}  // namespace wxident::simulator

#include "simulator/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/crypto/aes_cbc.h"
#include "server/crypto/base64.h"
#include "simulator/tokens.h"
#include "tests/simulator/harness.h"

namespace wxident::simulator {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

std::string Decrypt(const Json& encrypted, const std::string& session_key) {
  return AesCbcDecrypt(
             *Base64Decode(session_key),
             *Base64Decode(encrypted["iv"].get<std::string>()),
             *Base64Decode(encrypted["encrypted_data"].get<std::string>()))
      .value_or("");
}

TEST(Users, ShareAUnionidInOneOpenPlatformAccount) {
  Harness sim;
  sim.Control("apps", {{"app_id", "wx2"}, {"open_platform_account", "main"}});
  sim.Control("apps", {{"app_id", "wx3"}, {"open_platform_account", "other"}});
  sim.Control("apps", {{"app_id", "wx4"}});
  const auto user = [&sim](const char* app) {
    return sim.Control("users", {{"app_id", app}, {"user", "alice"}});
  };
  const Json first = user(kApp);
  EXPECT_EQ(user("wx2")["unionid"], first["unionid"]);
  EXPECT_NE(user("wx2")["openid"], first["openid"]);
  EXPECT_NE(user("wx3")["unionid"], first["unionid"]);
  EXPECT_FALSE(user("wx4").contains("unionid"));
  EXPECT_EQ(user(kApp), first);
  EXPECT_THAT(first["openid"].get<std::string>(),
              MatchesRegex("o[A-Za-z0-9_-]{27}"));
  EXPECT_THAT(first["phone"]["number"].get<std::string>(),
              MatchesRegex("13[0-9]{9}"));
}

TEST(Users, KeepWhatTheyAreGiven) {
  Harness sim;
  const Json shown =
      sim.Control("users", {{"app_id", kApp},
                            {"user", "band"},
                            {"openid", "oGZUI0egBJY1zhBYw2KhdUfwVJJE"},
                            {"unionid", "ocMvos6NjeKLIBqg5Mr9QjxrP1FA"},
                            {"session_key", "tiihtNczf5v6AKRyjwEUhQ=="},
                            {"profile", {{"nickName", "Band"}}}});
  EXPECT_EQ(shown["profile"]["nickName"], "Band");
  EXPECT_EQ(shown["profile"]["language"], "zh_CN");
  EXPECT_EQ(sim.Exchange(sim.LoginCode("band")),
            (Json{{"session_key", "tiihtNczf5v6AKRyjwEUhQ=="},
                  {"openid", "oGZUI0egBJY1zhBYw2KhdUfwVJJE"},
                  {"unionid", "ocMvos6NjeKLIBqg5Mr9QjxrP1FA"}}));
}

TEST(LoginCodes, ComeInBulk) {
  Harness sim;
  const Json body = {{"app_id", kApp}, {"user", "alice"}, {"count", 3}};
  const Json codes = sim.Control("login_code", body)["codes"];
  ASSERT_EQ(codes.size(), 3u);
  const Json next = sim.Control("login_code", body)["codes"];
  EXPECT_NE(codes[2], next[0]);
  std::string openid;
  for (const Json& code : codes) {
    const Json said = sim.Exchange(code.get<std::string>());
    ASSERT_TRUE(said.contains("openid")) << said;
    if (openid.empty()) openid = said["openid"];
    EXPECT_EQ(said["openid"], openid);
    EXPECT_EQ(sim.Exchange(code.get<std::string>())["errcode"], 40163);
  }
  const auto error = [&sim](const std::string& call, int count) {
    return sim.ControlError(
        call, {{"app_id", kApp}, {"user", "alice"}, {"count", count}});
  };
  EXPECT_THAT(error("login_code", 0), StartsWith("count: "));
  EXPECT_THAT(error("login_code", 10'001), StartsWith("count: "));
  EXPECT_THAT(error("phone_code", 2), StartsWith("count: no such"));
}

TEST(Users, RefuseBadInputByField) {
  Harness sim;
  sim.Control(
      "users",
      {{"app_id", kApp}, {"user", "a"}, {"openid", "o1"}, {"unionid", "u1"}});
  const auto error = [&sim](Json more) {
    Json body = {{"app_id", kApp}, {"user", "b"}};
    body.update(more);
    return sim.ControlError("users", body);
  };
  EXPECT_THAT(error({{"openid", "o1"}}), StartsWith("openid: user a "));
  EXPECT_THAT(error({{"unionid", "u1"}}), StartsWith("unionid: user a "));
  EXPECT_THAT(error({{"session_key", "short"}}), StartsWith("session_key: "));
  EXPECT_THAT(error({{"phone", "+1"}}), StartsWith("phone: "));
  EXPECT_THAT(error({{"nickname", "x"}}), StartsWith("nickname: no such"));
  EXPECT_THAT(error({{"app_id", "wx9"}}), HasSubstr("POST /_sim/apps"));
  EXPECT_THAT(error({{"user", 5}}), StartsWith("user: "));
  sim.Control("apps", {{"app_id", "lone"}});
  EXPECT_THAT(error({{"app_id", "lone"}, {"unionid", "u2"}}),
              HasSubstr("open_platform_account"));
}

TEST(Apps, RefuseBadInputByField) {
  Harness sim;
  EXPECT_THAT(sim.ControlError("apps", {{"app_id", "a b"}}),
              StartsWith("app_id: "));
  EXPECT_THAT(sim.ControlError("apps", {{"app_id", "a"}, {"kind", "x"}}),
              StartsWith("kind: "));
  EXPECT_THAT(sim.ControlError("apps", Json::array()), StartsWith("body: "));
  EXPECT_EQ(sim.Send("POST", "/_sim/apps", "{").status, 400);
  EXPECT_EQ(sim.Send("GET", "/_sim/nothing").status, 404);
}

// The official sample of encrypted open data.
TEST(Encrypt, GivesTheOfficialCiphertextForTheOfficialPlaintext) {
  Harness sim;
  const std::string plaintext =
      R"({"openId":"oGZUI0egBJY1zhBYw2KhdUfwVJJE","nickName":"Band",)"
      R"("gender":1,"language":"zh_CN","city":"Guangzhou",)"
      R"("province":"Guangdong","country":"CN","avatarUrl":)"
      R"("http://wx.qlogo.cn/mmopen/vi_32/aSKcBBPpibyKNicHNTMM0qJVh8Kjgiak2A)"
      R"(HWr8MHM4WgMEm7GFhsf8OYrySdbvAMvTsw3mo8ibKicsnfN5pRjl1p8HQ/0",)"
      R"("unionId":"ocMvos6NjeKLIBqg5Mr9QjxrP1FA","watermark":)"
      R"({"timestamp":1477314187,"appid":"wx4f4bc4dec97d474b"}})";
  sim.Control("users", {{"app_id", kApp},
                        {"user", "band"},
                        {"session_key", "tiihtNczf5v6AKRyjwEUhQ=="}});
  const Json encrypted =
      sim.Control("encrypt", {{"app_id", kApp},
                              {"user", "band"},
                              {"iv", "r7BXXKkLb8qrSNn05n0qiA=="},
                              {"payload", *ParseJson(plaintext)}});
  EXPECT_EQ(
      encrypted["encrypted_data"],
      "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa"
      "0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB"
      "231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInN"
      "lxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs"
      "8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHq"
      "Z9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7Xjf"
      "hQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T"
      "8yO5hzuyDb/XcxxmK01EpqOyuxINew==");
  EXPECT_EQ(encrypted["iv"], "r7BXXKkLb8qrSNn05n0qiA==");
}

// The official sample of a raw data signature.
TEST(Encrypt, SignsTheOfficialRawData) {
  Harness sim;
  const std::string raw =
      R"({"nickName":"Band","gender":1,"language":"zh_CN",)"
      R"("city":"Guangzhou","province":"Guangdong","country":"CN",)"
      R"("avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1)"
      R"(xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"})";
  Json payload = {{"openId", "o1"}, {"unionId", "u1"}};
  payload.update(*ParseJson(raw));
  const Json encrypted =
      sim.Control("encrypt", {{"app_id", kApp},
                              {"user", "band"},
                              {"session_key", "HyVFkGl5F5OQWJZZaNzBBg=="},
                              {"payload", payload}});
  EXPECT_EQ(encrypted["raw_data"], raw);
  EXPECT_EQ(encrypted["signature"], "75e81ceda165f4ffa64f4068af58c64b8f54b88c");
}

TEST(Encrypt, WatermarksTheUsersOwnPhoneAndProfile) {
  Harness sim;
  const Json user = sim.Control(
      "users", {{"app_id", kApp}, {"user", "alice"}, {"phone", "13580006666"}});
  const int64_t now = absl::ToUnixSeconds(sim.clock().Now());
  const Json phone = sim.Control(
      "encrypt", {{"app_id", kApp}, {"user", "alice"}, {"payload", "phone"}});
  EXPECT_EQ(ParseJson(Decrypt(phone, user["session_key"])),
            (Json{{"phoneNumber", "13580006666"},
                  {"purePhoneNumber", "13580006666"},
                  {"countryCode", "86"},
                  {"watermark", {{"timestamp", now}, {"appid", kApp}}}}));

  const Json profile = sim.Control(
      "encrypt", {{"app_id", kApp}, {"user", "alice"}, {"payload", "profile"}});
  const Json opened =
      ParseJson(Decrypt(profile, user["session_key"])).value_or(Json());
  EXPECT_EQ(opened["openId"], user["openid"]);
  EXPECT_EQ(opened["unionId"], user["unionid"]);
  EXPECT_EQ(opened["nickName"], "微信用户");
  EXPECT_EQ(ParseJson(profile["raw_data"].get<std::string>()), user["profile"]);
  EXPECT_NE(profile["iv"], phone["iv"]);
}

TEST(Encrypt, RefusesOtherPayloads) {
  Harness sim;
  for (const Json& payload : {Json("else"), Json(7), Json::array()}) {
    EXPECT_THAT(
        sim.ControlError(
            "encrypt", {{"app_id", kApp}, {"user", "a"}, {"payload", payload}}),
        StartsWith("payload: "));
  }
}

TEST(Clock, GoesForwardOnly) {
  Harness sim;
  const std::string code = sim.LoginCode("alice");
  EXPECT_EQ(sim.Control("clock/advance", {{"seconds", 300.5}})["now"],
            "2026-01-02T03:09:05.500Z");
  EXPECT_EQ(sim.Exchange(code)["errcode"], 40029);
  EXPECT_THAT(sim.ControlError("clock/advance", {{"seconds", -1}}),
              StartsWith("seconds: "));
  EXPECT_THAT(sim.ControlError("clock/advance", Json::object()),
              StartsWith("seconds: missing"));
}

TEST(JournalCall, FiltersCountsAndForgets) {
  Harness sim;
  const Json user = sim.Control("users", {{"app_id", kApp}, {"user", "alice"}});
  const std::string code = sim.LoginCode("alice");
  sim.Exchange(code);
  sim.Exchange(code);
  sim.OrdinaryToken();
  const Json all = sim.Get("/_sim/journal");
  EXPECT_EQ(all["count"], 3);
  EXPECT_EQ(all["calls"][0], (Json{{"seq", 1},
                                   {"time", "2026-01-02T03:04:05.000Z"},
                                   {"method", "GET"},
                                   {"path", "/sns/jscode2session"},
                                   {"app_id", kApp},
                                   {"user", "alice"},
                                   {"outcome", "ok"},
                                   {"errcode", 0},
                                   {"http_status", 200},
                                   {"effect", true}}));
  EXPECT_EQ(all["calls"][1]["outcome"], "errcode 40163");
  EXPECT_EQ(sim.Get("/_sim/journal?path=/sns/jscode2session")["count"], 2);
  EXPECT_EQ(sim.Get("/_sim/journal?app_id=wx9")["count"], 0);
  EXPECT_EQ(sim.Get("/_sim/journal?user=alice&since=1")["count"], 1);
  const Json counted = sim.Get("/_sim/journal?limit=0");
  EXPECT_EQ(counted["count"], 3);
  EXPECT_TRUE(counted["calls"].empty());
  EXPECT_EQ(sim.Send("GET", "/_sim/journal?limit=x").status, 400);
  for (const std::string& secret :
       {code, std::string(kSecret), user["session_key"].get<std::string>(),
        user["openid"].get<std::string>()})
    EXPECT_THAT(all.dump(), testing::Not(HasSubstr(secret)));

  sim.Control("settings", {{"journal_limit", 2}});
  sim.OrdinaryToken();
  const Json kept = sim.Get("/_sim/journal");
  EXPECT_EQ(kept["count"], 2);
  EXPECT_EQ(kept["forgotten"], 2);
  EXPECT_EQ(kept["calls"][0]["seq"], 3);
}

TEST(JournalCall, NamesTheTokensThatWereGiven) {
  Harness sim;
  const auto given = [&sim] {
    return sim.Get("/_sim/journal?limit=1")["calls"][0]["given"];
  };
  const auto expect = [](const std::string& token, bool issued, bool forced) {
    return Json{
        {"digest", DigestOf(token)}, {"issued", issued}, {"forced", forced}};
  };
  const std::string stable = sim.StableToken()["access_token"];
  EXPECT_EQ(given(), expect(stable, true, false));
  sim.StableToken();
  EXPECT_EQ(given(), expect(stable, false, false));
  const std::string forced = sim.StableToken(true)["access_token"];
  EXPECT_EQ(given(), expect(forced, true, true));
  sim.StableToken(true);  // Too early: the same again.
  EXPECT_EQ(given(), expect(forced, false, true));
  const std::string ordinary = sim.OrdinaryToken()["access_token"];
  EXPECT_EQ(given(), expect(ordinary, true, false));
}

TEST(JournalCall, NamesATokenWhoseAnswerIsLost) {
  Harness sim;
  sim.Control("faults", {{"path", "/cgi-bin/token"},
                         {"when", "after"},
                         {"reset", true},
                         {"count", 1}});
  EXPECT_TRUE(sim.Send("GET", absl::StrCat("/cgi-bin/token?appid=", kApp,
                                           "&secret=", kSecret,
                                           "&grant_type=client_credential"))
                  .reset);
  const Json call = sim.Get("/_sim/journal")["calls"][0];
  EXPECT_EQ(call["outcome"], "reset");
  EXPECT_EQ(call["effect"], true);
  EXPECT_EQ(call["given"]["issued"], true);
  EXPECT_EQ(call["given"]["digest"],
            sim.Get("/_sim/state")["apps"][0]["ordinary_token"]["newest"]);
}

TEST(JournalCall, TellsNothingGivenByARefusal) {
  Harness sim;
  sim.Control("settings", {{"stable_force_per_day", 0}});
  EXPECT_EQ(sim.StableToken(true)["errcode"], 45009);
  EXPECT_FALSE(sim.Get("/_sim/journal")["calls"][0].contains("given"));
}

TEST(StateCall, NamesTheTokensThatAreAccepted) {
  Harness sim;
  const auto line = [&sim](const char* which) {
    return sim.Get("/_sim/state")["apps"][0][which];
  };
  EXPECT_EQ(line("ordinary_token"),
            (Json{{"issued", 0}, {"newest", ""}, {"accepted", Json::array()}}));
  std::vector<std::string> digests;
  for (int i = 0; i < 3; ++i) {
    digests.push_back(
        DigestOf(sim.OrdinaryToken()["access_token"].get<std::string>()));
    sim.clock().Advance(absl::Seconds(100));
  }
  EXPECT_EQ(line("ordinary_token")["newest"], digests[2]);
  EXPECT_EQ(line("ordinary_token")["accepted"], Json(digests));
  // The first was replaced 300 s ago.
  sim.clock().Advance(absl::Seconds(100));
  EXPECT_EQ(line("ordinary_token")["accepted"], Json({digests[1], digests[2]}));

  sim.StableToken();
  sim.clock().Advance(absl::Seconds(7000));
  sim.StableToken();
  EXPECT_EQ(line("stable_token")["accepted"].size(), 2u);
  const std::string forced = sim.StableToken(true)["access_token"];
  EXPECT_EQ(line("stable_token")["accepted"], Json({DigestOf(forced)}));
  EXPECT_EQ(line("jsapi_ticket")["issued"], 0);
}

TEST(StateCall, ShowsTheWorldWithoutSecrets) {
  Harness sim;
  const std::string token = sim.StableToken(true)["access_token"];
  sim.LoginCode("alice");
  const Json state = sim.Get("/_sim/state");
  EXPECT_EQ(state["people"], 1);
  EXPECT_EQ(state["codes"], 1);
  EXPECT_EQ(state["apps"][0]["users"], 1);
  EXPECT_EQ(state["apps"][0]["stable_token"]["forced_today"], 1);
  EXPECT_EQ(state["apps"][0]["stable_token"]["expires_at"],
            "2026-01-02T05:04:05.000Z");
  EXPECT_EQ(state["endpoints"].size(), 19u);
  EXPECT_EQ(state["pages"].size(), 2u);
  EXPECT_THAT(state.dump(), testing::Not(HasSubstr(kSecret)));
  EXPECT_THAT(state.dump(), testing::Not(HasSubstr(token)));
}

TEST(IssuedCall, ListsEverythingThatWasEverGivenOut) {
  Harness sim;
  sim.MakeApp("wxsite", "official_account");
  sim.Control("settings", {{"session_key_min_rotation_s", 0}});
  std::map<std::string, std::vector<std::string>> given;
  const auto add = [&](const char* list, const Json& text) {
    given[list].push_back(text.get<std::string>());
  };
  add("app_secrets", kSecret);
  for (int i = 0; i < 3; ++i) {
    const std::string code = sim.LoginCode("alice");
    add("codes", code);
    const Json session = sim.Exchange(code);
    add("openids", session["openid"]);
    add("unionids", session["unionid"]);
    add("session_keys", session["session_key"]);
    add("access_tokens", sim.OrdinaryToken()["access_token"]);
    add("access_tokens", sim.StableToken(true)["access_token"]);
    sim.clock().Advance(absl::Minutes(2));
  }
  const std::string code = sim.OauthCode("wxsite", "bob");
  add("codes", code);
  const Json grant = sim.ExchangeOauth("wxsite", code);
  add("openids", grant["openid"]);
  add("user_tokens", grant["access_token"]);
  add("user_tokens", grant["refresh_token"]);
  sim.clock().Advance(absl::Hours(3));
  add("user_tokens",
      sim.RefreshOauth("wxsite", grant["refresh_token"])["access_token"]);
  add("jsapi_tickets",
      sim.Get(absl::StrCat("/cgi-bin/ticket/getticket?type=jsapi&access_token=",
                           sim.OrdinaryToken("wxsite")["access_token"]
                               .get<std::string>()))["ticket"]);
  add("phone_numbers",
      sim.Control("users",
                  {{"app_id", kApp}, {"user", "alice"}})["phone"]["number"]);

  const Json issued = sim.Get("/_sim/issued");
  for (const auto& [list, texts] : given)
    EXPECT_THAT(issued[list].get<std::vector<std::string>>(),
                testing::IsSupersetOf(
                    std::set<std::string>(texts.begin(), texts.end())))
        << list;
  EXPECT_EQ(issued.size(), 9u);
}

}  // namespace
}  // namespace wxident::simulator

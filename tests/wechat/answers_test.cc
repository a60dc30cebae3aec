#include "server/wechat/answers.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOpenid[] = "oLVPpjqs9BhvzwPj5A-vTYAX3GLc";
constexpr char kAppId[] = "wx4f4bc4dec97d474b";
const absl::Time kNow = absl::FromUnixSeconds(1767323045);

constexpr char kOauth[] =
    R"({"access_token":"canary_at","expires_in":7200,)"
    R"("refresh_token":"canary_rt","openid":"oLVPpjqs9BhvzwPj5A-vTYAX3GLc",)"
    R"("scope":"snsapi_userinfo","unionid":"o6_bmasdasdsad6_2sgVt7hMZOPfL"})";

constexpr char kUserInfo[] =
    R"({"openid":"oLVPpjqs9BhvzwPj5A-vTYAX3GLc",)"
    R"("nickname":"Band\u0007 \ud83c\udfb8",)"
    R"("sex":2,"province":"P","city":"C","country":"CN",)"
    R"("headimgurl":"https:\/\/thirdwx.qlogo.cn\/mmopen\/g3\/46",)"
    R"("privilege":["PRIVILEGE1","PRIVILEGE2"],"language":"zh_CN",)"
    R"("unionid":"o6_bmasdasdsad6_2sgVt7hMZOPfL"})";

constexpr char kFollower[] =
    R"({"subscribe":1,"openid":"oLVPpjqs9BhvzwPj5A-vTYAX3GLc",)"
    R"("nickname":"N","sex":1,"language":"zh_TW","city":"C","province":"P",)"
    R"("country":"CN","headimgurl":"https://a/0","subscribe_time":1382694957,)"
    R"("unionid":" o6_bmasdasdsad6_2sgVt7hMZOPfL","remark":"R","groupid":3,)"
    R"("tagid_list":[128,2],"subscribe_scene":"ADD_SCENE_QR_CODE",)"
    R"("qr_scene":98765,"qr_scene_str":"S"})";

constexpr char kPhone[] =
    R"({"errcode":0,"errmsg":"ok","phone_info":{"phoneNumber":"+85291234567",)"
    R"("purePhoneNumber":"91234567","countryCode":"852",)"
    R"("watermark":{"timestamp":1637744274,"appid":"wx4f4bc4dec97d474b"}}})";

WechatResponse Parsed(const std::string& body) {
  absl::StatusOr<WechatResponse> response = WechatResponse::Parse(body);
  EXPECT_TRUE(response.ok()) << body << response.status();
  return *std::move(response);
}

// `text` with its only `from` changed.
std::string Changed(std::string text, absl::string_view from,
                    absl::string_view to) {
  const size_t at = text.find(std::string(from));
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), std::string(to));
}

void ExpectBad(const absl::Status& status, const std::string& body) {
  EXPECT_TRUE(HasReason(status, Reason::kWechatBadResponse)) << body << status;
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("canary")));
}

absl::StatusOr<OauthSession> Exchanged(const std::string& body) {
  return ReadOauthSession(Parsed(body));
}
absl::StatusOr<OauthSession> Refreshed(const std::string& body) {
  return ReadRefreshedOauth(Parsed(body), Secret("rt_old"));
}
absl::StatusOr<FetchedProfile> UserInfo(const std::string& body) {
  return ReadOauthProfile(Parsed(body), kOpenid, kNow);
}
absl::StatusOr<FetchedProfile> Follower(const std::string& body) {
  return ReadFollower(Parsed(body), kOpenid, kNow);
}
absl::StatusOr<Phone> PhoneInfo(const std::string& body) {
  return ReadPhoneInfo(Parsed(body), kAppId);
}

TEST(ReadOauthSessionTest, ReadsEveryField) {
  const absl::StatusOr<OauthSession> session = Exchanged(kOauth);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->openid, kOpenid);
  EXPECT_EQ(session->unionid, "o6_bmasdasdsad6_2sgVt7hMZOPfL");
  EXPECT_EQ(session->access_token.Expose(), "canary_at");
  EXPECT_EQ(session->expires_in, absl::Seconds(7200));
  EXPECT_EQ(session->refresh_token.Expose(), "canary_rt");
  EXPECT_EQ(session->scope, "snsapi_userinfo");
}

TEST(ReadOauthSessionTest, UnionidAndScopeMayBeAbsent) {
  const absl::StatusOr<OauthSession> session =
      Exchanged(R"({"access_token":"a","expires_in":1,"refresh_token":"r",)"
                R"("openid":"o"})");
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->unionid, "");
  EXPECT_EQ(session->scope, "");
  EXPECT_EQ(session->expires_in, absl::Seconds(60));
}

TEST(ReadOauthSessionTest, SnapshotUsersAreRefusedInEverySpelling) {
  for (const char* one : {"1", "\"1\"", "true"}) {
    const absl::Status status =
        Exchanged(Changed(kOauth, "{",
                          absl::StrCat("{\"is_snapshotuser\":", one, ",")))
            .status();
    EXPECT_TRUE(HasReason(status, Reason::kSnapshotUser)) << one << status;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("canary")));
  }
  // Before anything else is looked at.
  EXPECT_TRUE(HasReason(Exchanged(R"({"is_snapshotuser":1})").status(),
                        Reason::kSnapshotUser));
  for (const char* zero : {"0", "\"0\"", "false", "null", "\"\""})
    EXPECT_TRUE(
        Exchanged(Changed(kOauth, "{",
                          absl::StrCat("{\"is_snapshotuser\":", zero, ",")))
            .ok())
        << zero;
  // What cannot be read is no "no".
  for (const char* odd : {"2", "-1", "\"yes\"", "[]", "{}", "1.0"}) {
    const std::string body =
        Changed(kOauth, "{", absl::StrCat("{\"is_snapshotuser\":", odd, ","));
    ExpectBad(Exchanged(body).status(), body);
  }
}

TEST(ReadOauthSessionTest, RefusesWhatIsNone) {
  const std::pair<const char*, const char*> changes[] = {
      {R"("access_token")", R"("a")"},
      {R"("refresh_token")", R"("r")"},
      {R"("openid")", R"("o")"},
      {R"("canary_at")", R"("")"},
      {R"("canary_at")", R"("canary at")"},
      {R"("canary_at")", "7"},
      {R"("canary_rt")", "null"},
      {R"("canary_rt")", R"("canary\u0001")"},
      {R"("oLVPpjqs9BhvzwPj5A-vTYAX3GLc")", R"("canary/")"},
      {R"("oLVPpjqs9BhvzwPj5A-vTYAX3GLc")", R"("")"},
      {R"("o6_bmasdasdsad6_2sgVt7hMZOPfL")", R"("canary/")"},
      {R"("o6_bmasdasdsad6_2sgVt7hMZOPfL")", "1"},
      {R"("snsapi_userinfo")", "[]"},
      {"7200", R"("7200")"},
  };
  for (const auto& [from, to] : changes) {
    const std::string body = Changed(kOauth, from, to);
    ExpectBad(Exchanged(body).status(), body);
  }
  ExpectBad(Exchanged("{}").status(), "{}");
}

TEST(ReadRefreshedOauthTest, KeepsTheRefreshTokenThatIsNotRepeated) {
  EXPECT_EQ(Refreshed(kOauth)->refresh_token.Expose(), "canary_rt");
  EXPECT_EQ(Refreshed(kOauth)->unionid, "");
  for (const char* none : {"null", "\"\""})
    EXPECT_EQ(Refreshed(Changed(kOauth, "\"canary_rt\"", none))
                  ->refresh_token.Expose(),
              "rt_old");
  const std::string bad = Changed(kOauth, "canary_rt", "canary rt");
  ExpectBad(Refreshed(bad).status(), bad);
  const std::string without = Changed(kOauth, "access_token", "a");
  ExpectBad(Refreshed(without).status(), without);
}

TEST(ReadOauthProfileTest, ReadsEveryField) {
  const absl::StatusOr<FetchedProfile> fetched = UserInfo(kUserInfo);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->openid, kOpenid);
  EXPECT_EQ(fetched->unionid, "o6_bmasdasdsad6_2sgVt7hMZOPfL");
  const Profile& profile = fetched->profile;
  EXPECT_EQ(profile.nickname, "Band \xF0\x9F\x8E\xB8");
  EXPECT_EQ(profile.avatar_url, "https://thirdwx.qlogo.cn/mmopen/g3/46");
  EXPECT_EQ(profile.gender, Gender::kFemale);
  EXPECT_EQ(profile.language, "zh_CN");
  EXPECT_EQ(profile.country, "CN");
  EXPECT_EQ(profile.province, "P");
  EXPECT_EQ(profile.city, "C");
  EXPECT_THAT(profile.privileges, ElementsAre("PRIVILEGE1", "PRIVILEGE2"));
  EXPECT_FALSE(profile.subscribe);
  EXPECT_EQ(profile.source, ProfileSource::kOauth);
  EXPECT_EQ(profile.fetched_at, kNow);
}

TEST(ReadOauthProfileTest, EverythingButTheOpenidMayBeAbsent) {
  const absl::StatusOr<FetchedProfile> fetched =
      UserInfo(absl::StrCat(R"({"openid":")", kOpenid, "\"}"));
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->unionid, "");
  EXPECT_EQ(fetched->profile.nickname, "");
  EXPECT_EQ(fetched->profile.gender, Gender::kUnspecified);
  EXPECT_TRUE(fetched->profile.privileges.empty());
}

TEST(ReadOauthProfileTest, WhatIsOddAndNotNeededIsAbsent) {
  std::string odd = kUserInfo;
  for (const auto& [from, to] :
       {std::pair{R"("sex":2)", R"("sex":"canary")"},
        {R"("P")", "7"},
        {R"(["PRIVILEGE1","PRIVILEGE2"])", R"("PRIVILEGE1")"},
        {R"("o6_bmasdasdsad6_2sgVt7hMZOPfL")", R"("canary/")"}})
    odd = Changed(odd, from, to);
  odd = Changed(odd, R"("C")", "\"" + std::string(4097, 'x') + "\"");
  const absl::StatusOr<FetchedProfile> fetched = UserInfo(odd);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->openid, kOpenid);
  EXPECT_EQ(fetched->unionid, "");
  EXPECT_EQ(fetched->profile.gender, Gender::kUnspecified);
  EXPECT_EQ(fetched->profile.province, "");
  EXPECT_EQ(fetched->profile.city, "");
  EXPECT_TRUE(fetched->profile.privileges.empty());
  // The rest is what it was.
  EXPECT_EQ(fetched->profile.nickname, "Band \xF0\x9F\x8E\xB8");
  EXPECT_EQ(fetched->profile.country, "CN");
}

TEST(ReadOauthProfileTest, RefusesWhatIsAnotherPersons) {
  const std::pair<const char*, const char*> changes[] = {
      {kOpenid, "canary_somebody_else"},
      {kOpenid, ""},
      {R"("openid")", R"("o")"},
  };
  for (const auto& [from, to] : changes) {
    const std::string body = Changed(kUserInfo, from, to);
    ExpectBad(UserInfo(body).status(), body);
  }
}

TEST(ReadFollowerTest, ReadsEveryField) {
  const absl::StatusOr<FetchedProfile> fetched = Follower(kFollower);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->openid, kOpenid);
  // WeChat's own sample has a space before it.
  EXPECT_EQ(fetched->unionid, "o6_bmasdasdsad6_2sgVt7hMZOPfL");
  const Profile& profile = fetched->profile;
  EXPECT_TRUE(profile.subscribe);
  EXPECT_EQ(profile.nickname, "N");
  EXPECT_EQ(profile.gender, Gender::kMale);
  EXPECT_EQ(profile.language, "zh_TW");
  EXPECT_EQ(profile.country, "CN");
  EXPECT_EQ(profile.province, "P");
  EXPECT_EQ(profile.city, "C");
  EXPECT_EQ(profile.avatar_url, "https://a/0");
  EXPECT_EQ(profile.subscribed_at, absl::FromUnixSeconds(1382694957));
  EXPECT_EQ(profile.remark, "R");
  EXPECT_EQ(profile.group_id, 3);
  EXPECT_THAT(profile.tag_ids, ElementsAre(128, 2));
  EXPECT_EQ(profile.subscribe_scene, "ADD_SCENE_QR_CODE");
  EXPECT_EQ(profile.qr_scene, 98765);
  EXPECT_EQ(profile.qr_scene_str, "S");
  EXPECT_EQ(profile.source, ProfileSource::kFollower);
  EXPECT_EQ(profile.fetched_at, kNow);
}

TEST(ReadFollowerTest, MostMayBeAbsent) {
  const absl::StatusOr<FetchedProfile> fetched =
      Follower(absl::StrCat(R"({"subscribe":"1","openid":")", kOpenid, "\"}"));
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_TRUE(fetched->profile.subscribe);
  EXPECT_EQ(fetched->unionid, "");
  EXPECT_EQ(fetched->profile.subscribed_at, absl::InfinitePast());
  EXPECT_TRUE(fetched->profile.tag_ids.empty());
  for (const char* time : {"0", "-1", "9223372036854775807"})
    EXPECT_EQ(
        Follower(Changed(kFollower, "1382694957", time))->profile.subscribed_at,
        absl::InfinitePast())
        << time;
}

TEST(ReadFollowerTest, OneWhoDoesNotFollowTellsNothing) {
  for (const std::string& body :
       {absl::StrCat(R"({"subscribe":0,"openid":")", kOpenid,
                     R"(","tagid_list":[]})"),
        Changed(kFollower, R"("subscribe":1)", R"("subscribe":0)")}) {
    const absl::StatusOr<FetchedProfile> fetched = Follower(body);
    ASSERT_TRUE(fetched.ok()) << fetched.status();
    EXPECT_EQ(fetched->openid, kOpenid);
    EXPECT_EQ(fetched->unionid, "");
    EXPECT_FALSE(fetched->profile.subscribe);
    EXPECT_EQ(fetched->profile.nickname, "");
    EXPECT_TRUE(fetched->profile.tag_ids.empty());
    EXPECT_EQ(fetched->profile.source, ProfileSource::kFollower);
    EXPECT_EQ(fetched->profile.fetched_at, kNow);
  }
}

TEST(ReadFollowerTest, RefusesWhatIsNone) {
  const std::pair<const char*, const char*> changes[] = {
      {R"("subscribe":1)", R"("s":1)"},
      {R"("subscribe":1)", R"("subscribe":2)"},
      {R"("subscribe":1)", R"("subscribe":"canary")"},
      {kOpenid, "canary_somebody_else"},
  };
  for (const auto& [from, to] : changes) {
    const std::string body = Changed(kFollower, from, to);
    ExpectBad(Follower(body).status(), body);
  }
}

TEST(ReadFollowerTest, WhatIsOddAndNotNeededIsAbsent) {
  std::string odd = kFollower;
  for (const auto& [from, to] : {std::pair{"98765", "\"98765\""},
                                 {"1382694957", "\"canary\""},
                                 {R"("groupid":3)", R"("groupid":{})"},
                                 {R"("R")", "[]"}})
    odd = Changed(odd, from, to);
  std::string many = "[0";
  for (int i = 0; i < 256; ++i) absl::StrAppend(&many, ",1");
  for (const std::string& tags :
       {std::string("\"128\""), std::string("[128,\"canary\"]"),
        std::string("[1.5]"), many + "]"}) {
    const absl::StatusOr<FetchedProfile> fetched =
        Follower(Changed(odd, "[128,2]", tags));
    ASSERT_TRUE(fetched.ok()) << fetched.status();
    const Profile& profile = fetched->profile;
    EXPECT_TRUE(profile.subscribe);
    EXPECT_EQ(profile.nickname, "N");
    EXPECT_EQ(profile.qr_scene, 0);
    EXPECT_EQ(profile.subscribed_at, absl::InfinitePast());
    EXPECT_EQ(profile.group_id, 0);
    EXPECT_EQ(profile.remark, "");
    EXPECT_TRUE(profile.tag_ids.empty()) << tags;
  }
}

TEST(ReadFollowersTest, GivesThemInTheOrderThatWasAskedFor) {
  const absl::StatusOr<WechatApi::Followers> followers =
      ReadFollowers(Parsed(R"({"user_info_list":[{"subscribe":1,"openid":"o2",)"
                           R"("remark":"r"},{"subscribe":0,"openid":"o1"}]})"),
                    {"o1", "o2", "o1"}, kNow);
  ASSERT_TRUE(followers.ok()) << followers.status();
  ASSERT_EQ(followers->size(), 3u);
  for (const auto& one : *followers) ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ((*followers)[0]->openid, "o1");
  EXPECT_FALSE((*followers)[0]->profile.subscribe);
  EXPECT_EQ((*followers)[1]->openid, "o2");
  EXPECT_TRUE((*followers)[1]->profile.subscribe);
  EXPECT_EQ((*followers)[1]->profile.remark, "r");
  EXPECT_EQ((*followers)[1]->profile.source, ProfileSource::kFollower);
  EXPECT_EQ((*followers)[2]->openid, "o1");
}

TEST(ReadFollowersTest, ABadOneFailsAlone) {
  const std::string bodies[] = {
      R"({"user_info_list":[{"subscribe":0,"openid":"o2"}]})",
      R"({"user_info_list":["canary",{"subscribe":0,"openid":"o2"}]})",
      R"({"user_info_list":[{"subscribe":1},{"subscribe":0,"openid":"o2"}]})",
      R"({"user_info_list":[{"openid":"o1"},{"subscribe":0,"openid":"o2"}]})",
      R"({"user_info_list":[{"subscribe":7,"openid":"o1"},)"
      R"({"subscribe":0,"openid":"o2"}]})",
      R"({"user_info_list":[{"subscribe":0,"openid":"o2"},)"
      R"({"subscribe":1,"openid":"canary"}]})",
  };
  for (const std::string& body : bodies) {
    const absl::StatusOr<WechatApi::Followers> followers =
        ReadFollowers(Parsed(body), {"o1", "o2"}, kNow);
    ASSERT_TRUE(followers.ok()) << body << followers.status();
    ASSERT_EQ(followers->size(), 2u);
    ExpectBad((*followers)[0].status(), body);
    EXPECT_TRUE((*followers)[1].ok()) << body;
  }
}

TEST(ReadFollowersTest, RefusesWhatIsNone) {
  std::string many = R"({"user_info_list":[{"subscribe":0,"openid":"o1"})";
  for (int i = 0; i < 100; ++i) many += R"(,{"subscribe":0,"openid":"o1"})";
  const std::string bodies[] = {
      "{}",
      R"({"user_info_list":null})",
      R"({"user_info_list":{}})",
      // One too many.
      many + "]}",
  };
  for (const std::string& body : bodies)
    ExpectBad(ReadFollowers(Parsed(body), {"o1"}, kNow).status(), body);
}

TEST(ReadPhoneInfoTest, ReadsEveryField) {
  for (const char* code : {"\"852\"", "852"}) {
    const absl::StatusOr<Phone> phone =
        PhoneInfo(Changed(kPhone, "\"852\"", code));
    ASSERT_TRUE(phone.ok()) << phone.status();
    EXPECT_EQ(phone->phone_number.Expose(), "+85291234567");
    EXPECT_EQ(phone->pure_phone_number.Expose(), "91234567");
    EXPECT_EQ(phone->country_code, "852");
    EXPECT_EQ(phone->watermark_time, absl::FromUnixSeconds(1637744274));
  }
}

TEST(ReadPhoneInfoTest, RefusesWhatIsNone) {
  const std::pair<const char*, const char*> changes[] = {
      {"phone_info", "p"},
      {kAppId, "wx0000000000000000"},
      {"\"wx4f4bc4dec97d474b\"", "1"},
      {"\"timestamp\"", "\"t\""},
      {"1637744274", "-1"},
      {"1637744274", "\"1637744274\""},
      {"1637744274", "253402300800"},
      {"\"watermark\"", "\"w\""},
      {"\"phoneNumber\"", "\"n\""},
      {"\"purePhoneNumber\"", "\"n\""},
      {"\"countryCode\"", "\"c\""},
      {"+85291234567", "canary"},
      {"+85291234567", ""},
      {"\"91234567\"", "91234567"},
      {"\"91234567\"", "\"+91234567\""},
      {"\"852\"", "\"+852\""},
      {"\"852\"", "-852"},
      {"\"852\"", "\"\""},
  };
  for (const auto& [from, to] : changes) {
    const std::string body = Changed(kPhone, from, to);
    ExpectBad(PhoneInfo(body).status(), body);
  }
  for (const char* body : {"{}", R"({"errcode":0,"errmsg":"ok"})",
                           R"({"phone_info":null})", R"({"phone_info":[]})"})
    ExpectBad(PhoneInfo(body).status(), body);
}

}  // namespace
}  // namespace wxident

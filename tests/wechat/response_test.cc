#include "server/wechat/response.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Repeat(absl::string_view part, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) absl::StrAppend(&out, part);
  return out;
}

TEST(CleanBodyTest, MendsWhatStrictParsersReject) {
  const std::pair<std::string, std::string> cases[] = {
      {"{}", "{}"},
      {"\xEF\xBB\xBF{}", "{}"},
      // Raw controls inside strings only.
      {"{\"a\":\"x\x14y\"}", "{\"a\":\"x y\"}"},
      {std::string("{\"a\":\"x\0y\"}", 11), "{\"a\":\"x y\"}"},
      {"{\n\t\"a\":\r\"\n\t\"}", "{\n\t\"a\":\r\"  \"}"},
      // Escapes stay, and their quotes end no string.
      {R"({"a":"\"\\","b":"\/"})", R"({"a":"\"\\","b":"\/"})"},
      {"{\"a\":\"\\\\\",\n\"b\":1}", "{\"a\":\"\\\\\",\n\"b\":1}"},
      {"{\"a\":\"\\\"\x01\"}", "{\"a\":\"\\\" \"}"},
      // Good UTF-8 stays: 2, 3 and 4 bytes.
      {"\"\xC3\xA9\xE5\xBE\xAE\xF0\x9F\x98\x80\"",
       "\"\xC3\xA9\xE5\xBE\xAE\xF0\x9F\x98\x80\""},
      // Bad UTF-8: alone, cut before a quote, overlong, surrogate, too high.
      {"\"\xFF\"", "\"\xEF\xBF\xBD\""},
      {"\"\xE5\xBE\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"\"\xC0\xAF\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"\"\xED\xA0\x80\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"\"\xF4\x90\x80\x80\"", "\"" + Repeat("\xEF\xBF\xBD", 4) + "\""},
      {"\xC3", "\xEF\xBF\xBD"},
      {"", ""},
  };
  for (const auto& [in, out] : cases) EXPECT_EQ(CleanBody(in), out);
}

TEST(FindRidTest, KnowsTheFormsThatWechatWrites) {
  const std::pair<const char*, const char*> cases[] = {
      {"invalid code, rid: 652d44d0-1d0af18b-5b069232",
       "652d44d0-1d0af18b-5b069232"},
      {"access_token expired rid: 68aeab01-00000000-ffffffff",
       "68aeab01-00000000-ffffffff"},
      {"invalid appid hint: [2gMcmt0sf-QZBxwA] rid: "
       "647049c1-24c44850-1b903a9f",
       "647049c1-24c44850-1b903a9f"},
      {"rid: wrong rid: 647049c1-24c44850-1b903a9f tail",
       "647049c1-24c44850-1b903a9f"},
      {"invalid code, hints: [ req_id: uhJDVZyFe-YZguHA ]", ""},
      {"rid: 647049c1-24c44850-1b903a9", ""},
      {"rid: 647049C1-24c44850-1b903a9f", ""},
      {"rid: 647049c1x24c44850-1b903a9f", ""},
      {"rid: ", ""},
      {"", ""},
  };
  for (const auto& [errmsg, rid] : cases) EXPECT_EQ(FindRid(errmsg), rid);
}

TEST(WechatResponseTest, ReadsErrcodeAsNumberOrText) {
  const std::pair<const char*, int64_t> cases[] = {
      {R"({})", 0},
      {R"({"errcode":0})", 0},
      {R"({"errcode":"0"})", 0},
      {R"({"errcode":40029,"errmsg":"x"})", 40029},
      {R"({"errcode":"40029"})", 40029},
      {R"({"errcode":-1})", -1},
      {R"({"errcode":"-1"})", -1},
      {R"({"errcode":9223372036854775807})", INT64_MAX},
  };
  for (const auto& [body, errcode] : cases) {
    const absl::StatusOr<WechatResponse> response = WechatResponse::Parse(body);
    ASSERT_TRUE(response.ok()) << body;
    EXPECT_EQ(response->errcode(), errcode) << body;
  }
}

TEST(WechatResponseTest, ReadsTheRid) {
  const absl::StatusOr<WechatResponse> response = WechatResponse::Parse(
      R"({"errcode":40029,"errmsg":"no, rid: 652d44d0-1d0af18b-5b069232"})");
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->rid(), "652d44d0-1d0af18b-5b069232");
  EXPECT_EQ(WechatResponse::Parse(R"({"errmsg":5})")->rid(), "");
}

TEST(WechatResponseTest, MalformedBodiesAreBadResponses) {
  const std::vector<std::string> bodies = {
      "",
      " ",
      "null",
      "true",
      "[]",
      "0",
      "\"text\"",
      "{",
      "}",
      "{\"openid\":\"o",
      "{\"a\":1,}",
      "{'a':1}",
      "{\"a\":1}{}",
      "{} x",
      "<html><body>502 Bad Gateway</body></html>",
      std::string("{}\0", 3),
      std::string("\0{}", 3),
      "{\"a\":\x01 1}",
      "{\"a\":NaN}",
      "{\"a\":1e999}",
      "{\"a\":\"\\x\"}",
      "{\"a\":\"\\ud800\"}",
      // errcode of a type that is neither number nor numeric text.
      R"({"errcode":null})",
      R"({"errcode":true})",
      R"({"errcode":1.5})",
      R"({"errcode":0.0})",
      R"({"errcode":1e3})",
      R"({"errcode":""})",
      R"({"errcode":" 1"})",
      R"({"errcode":"1 "})",
      R"({"errcode":"+1"})",
      R"({"errcode":"-"})",
      R"({"errcode":"0x10"})",
      R"({"errcode":"ok"})",
      R"({"errcode":[]})",
      R"({"errcode":{}})",
      R"({"errcode":18446744073709551615})",
      R"({"errcode":"99999999999999999999"})",
      // Names that stand twice, at any level.
      R"({"errcode":0,"errcode":40029})",
      R"({"a":{"b":1,"b":2}})",
      R"({"a":1,"\u0061":2})",
      // Deeper than anything WeChat sends.
      "{\"a\":" + Repeat("[", 20) + Repeat("]", 20) + "}",
      Repeat("{\"a\":", 100000) + "1" + Repeat("}", 100000),
      Repeat("[", 100000),
      Repeat("{\"a\":", 100000),
  };
  for (const std::string& body : bodies) {
    const absl::Status status = WechatResponse::Parse(body).status();
    EXPECT_TRUE(HasReason(status, Reason::kWechatBadResponse))
        << body.substr(0, 80) << status;
  }
}

TEST(WechatResponseTest, EveryCutOfAGoodBodyIsBad) {
  const std::string body =
      R"({"openid":"o1","session_key":"a\/b=","n":[1,{"x":null}]})";
  ASSERT_TRUE(WechatResponse::Parse(body).ok());
  for (size_t size = 0; size < body.size(); ++size)
    EXPECT_FALSE(WechatResponse::Parse(body.substr(0, size)).ok()) << size;
}

TEST(WechatResponseTest, FieldsAreOfOneType) {
  const absl::StatusOr<WechatResponse> response = WechatResponse::Parse(
      R"({"text":"value","empty":"","null":null,"number":7,"big":1e3,)"
      R"("string_number":"7","object":{},"slash":"a\/b"})");
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(*response->Text("text", 5), "value");
  EXPECT_EQ(*response->Text("slash", 5), "a/b");
  EXPECT_EQ(*response->OptionalText("absent", 5), "");
  EXPECT_EQ(*response->OptionalText("null", 5), "");
  EXPECT_EQ(*response->OptionalText("empty", 5), "");
  EXPECT_EQ(*response->OptionalInteger("number"), 7);
  EXPECT_EQ(*response->OptionalInteger("absent"), std::nullopt);
  EXPECT_EQ(*response->OptionalInteger("null"), std::nullopt);
  for (const char* name : {"absent", "empty", "null", "number", "object"})
    EXPECT_TRUE(
        HasReason(response->Text(name, 5).status(), Reason::kWechatBadResponse))
        << name;
  EXPECT_TRUE(HasReason(response->Text("text", 4).status(),
                        Reason::kWechatBadResponse));
  for (const char* name : {"text", "big", "string_number", "object"})
    EXPECT_TRUE(HasReason(response->OptionalInteger(name).status(),
                          Reason::kWechatBadResponse))
        << name;
}

TEST(WechatResponseTest, FlagsAreOneOrZero) {
  const absl::StatusOr<WechatResponse> response = WechatResponse::Parse(
      R"({"one":1,"one_text":"1","yes":true,"zero":0,"zero_text":"0",)"
      R"("no":false,"null":null,"empty":"","two":2,"text":"true","list":[1],)"
      R"("fraction":1.0})");
  ASSERT_TRUE(response.ok());
  for (const char* name : {"one", "one_text", "yes"})
    EXPECT_EQ(*response->OptionalFlag(name), true) << name;
  for (const char* name : {"zero", "zero_text", "no"})
    EXPECT_EQ(*response->OptionalFlag(name), false) << name;
  for (const char* name : {"absent", "null", "empty"})
    EXPECT_EQ(*response->OptionalFlag(name), std::nullopt) << name;
  for (const char* name : {"two", "text", "list", "fraction"})
    EXPECT_TRUE(HasReason(response->OptionalFlag(name).status(),
                          Reason::kWechatBadResponse))
        << name;
}

TEST(WechatResponseTest, ListsAreOfOneTypeAndBounded) {
  const absl::StatusOr<WechatResponse> response = WechatResponse::Parse(
      R"({"texts":["ab","c"],"numbers":[1,-2],"none":[],"null":null,)"
      R"("mixed":["a",1],"object":{"a":1}})");
  ASSERT_TRUE(response.ok());
  EXPECT_THAT(*response->OptionalTexts("texts", 2, 2),
              ::testing::ElementsAre("ab", "c"));
  EXPECT_THAT(*response->OptionalIntegers("numbers", 2),
              ::testing::ElementsAre(1, -2));
  for (const char* name : {"none", "null", "absent"}) {
    EXPECT_TRUE(response->OptionalTexts(name, 2, 2)->empty()) << name;
    EXPECT_TRUE(response->OptionalIntegers(name, 2)->empty()) << name;
  }
  EXPECT_FALSE(response->OptionalTexts("texts", 1, 2).ok());
  EXPECT_FALSE(response->OptionalTexts("texts", 2, 1).ok());
  EXPECT_FALSE(response->OptionalIntegers("numbers", 1).ok());
  for (const char* name : {"mixed", "object"}) {
    EXPECT_TRUE(HasReason(response->OptionalTexts(name, 2, 2).status(),
                          Reason::kWechatBadResponse))
        << name;
    EXPECT_TRUE(HasReason(response->OptionalIntegers(name, 2).status(),
                          Reason::kWechatBadResponse))
        << name;
  }
  EXPECT_EQ((**response->Object("object"))["a"], 1);
  for (const char* name : {"absent", "null", "none"})
    EXPECT_TRUE(
        HasReason(response->Object(name).status(), Reason::kWechatBadResponse))
        << name;
}

TEST(WechatResponseTest, ErrorsQuoteNothing) {
  const absl::StatusOr<WechatResponse> response =
      WechatResponse::Parse(R"({"session_key":["canary"]})");
  ASSERT_TRUE(response.ok());
  EXPECT_THAT(std::string(response->Text("session_key", 9).status().message()),
              Not(HasSubstr("canary")));
  EXPECT_THAT(std::string(WechatResponse::Parse("canary").status().message()),
              Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace wxident

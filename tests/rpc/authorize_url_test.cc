#include "server/rpc/authorize_url.h"

#include <gtest/gtest.h>

#include <string>

#include "server/identity/error.h"

namespace wxident {
namespace {

const App& Website() {
  static const App app{"wx00000000000000cc",
                       AppKind::kWebsite,
                       "main",
                       Secret("s"),
                       TokenMode::kStable,
                       {"www.example.com", "xn--fiqs8s.example"}};
  return app;
}

const App& Official() {
  static const App app{
      "wx00000000000000bb", AppKind::kOfficialAccount, "main",
      Secret("s"),          TokenMode::kStable,        {"h5.example.com"}};
  return app;
}

v1::GetAuthorizeUrlRequest Request(const std::string& redirect_uri,
                                   const std::string& scope = "snsapi_login",
                                   const std::string& state = "State1") {
  v1::GetAuthorizeUrlRequest request;
  request.set_redirect_uri(redirect_uri);
  request.set_scope(scope);
  request.set_state(state);
  return request;
}

// The field that is refused; "" when none is.
std::string RefusedField(const App& app,
                         const v1::GetAuthorizeUrlRequest& request) {
  const auto url = MakeAuthorizeUrl(app, request);
  if (url.ok()) return "";
  const ErrorDetails details = DetailsOf(url.status());
  EXPECT_EQ(details.reason, Reason::kRequestInvalid);
  EXPECT_EQ(details.fields.size(), 1u);
  return details.fields.front().first;
}

TEST(AuthorizeUrlTest, AWebsiteGetsTheQrPage) {
  EXPECT_EQ(*MakeAuthorizeUrl(
                Website(), Request("https://www.example.com/back?a=1&b=%20~")),
            "https://open.weixin.qq.com/connect/qrconnect"
            "?appid=wx00000000000000cc"
            "&redirect_uri=https%3A%2F%2Fwww.example.com%2Fback%3Fa%3D1%26b"
            "%3D%2520~"
            "&response_type=code&scope=snsapi_login&state=State1"
            "#wechat_redirect");
}

TEST(AuthorizeUrlTest, AnOfficialAccountGetsTheConsentPage) {
  for (const char* scope : {"snsapi_base", "snsapi_userinfo"})
    EXPECT_EQ(
        *MakeAuthorizeUrl(Official(), Request("https://h5.example.com", scope)),
        std::string("https://open.weixin.qq.com/connect/oauth2/authorize"
                    "?appid=wx00000000000000bb"
                    "&redirect_uri=https%3A%2F%2Fh5.example.com"
                    "&response_type=code&scope=") +
            scope + "&state=State1#wechat_redirect");
}

TEST(AuthorizeUrlTest, HostsOnTheListAreLetThrough) {
  for (const char* uri :
       {"https://www.example.com", "https://www.example.com/",
        "https://www.example.com?x=@", "https://www.example.com:8443/a:b@c",
        "https://xn--fiqs8s.example/%E4%B8%AD"})
    EXPECT_EQ(RefusedField(Website(), Request(uri)), "") << uri;
}

TEST(AuthorizeUrlTest, EveryWayAroundTheListIsRefused) {
  for (const char* uri : {
           "",
           "https://",
           "https:///www.example.com",
           "http://www.example.com/",
           "HTTPS://www.example.com/",
           "//www.example.com/",
           "www.example.com",
           "javascript:alert(1)//www.example.com",
           "https:www.example.com",
           "https://evil.example/",
           "https://evil.example/www.example.com",
           "https://evil.example?www.example.com",
           "https://www.example.com.evil.example/",
           "https://evil-www.example.com/",
           "https://a.www.example.com/",
           "https://example.com/",
           "https://WWW.example.com/",
           "https://www.example.com./",
           "https://www.example.com@evil.example/",
           "https://evil.example\\@www.example.com/",
           "https://www.example.com\\.evil.example/",
           "https://user:password@www.example.com/",
           "https://www.example.com:/",
           "https://www.example.com:0/",
           "https://www.example.com:65536/",
           "https://www.example.com:443@evil.example/",
           "https://www.example.com:x/",
           "https://www.example.com:-1/",
           "https://www.example.com:+1/",
           "https://www%2Eexample.com/",
           "https://www.example.com/#fragment",
           "https://www.example.com#",
           "https://www.example.com/a b",
           "https://www.example.com/\n",
           "https://www.example.com/\t",
           " https://www.example.com/",
           "https://www.example.com/\xE4\xB8\xAD",
           "https://www.example.com/\"",
           "https://www.example.com/<",
           "https://www.example.com/\\",
       })
    EXPECT_EQ(RefusedField(Website(), Request(uri)), "redirect_uri") << uri;
  EXPECT_EQ(RefusedField(Website(), Request(std::string(
                                        "https://www.example.com/\0", 25))),
            "redirect_uri");
}

TEST(AuthorizeUrlTest, ALongRedirectUriIsRefused) {
  const std::string base = "https://www.example.com/";
  const std::string longest = base + std::string(1024 - base.size(), 'a');
  EXPECT_EQ(RefusedField(Website(), Request(longest)), "");
  EXPECT_EQ(RefusedField(Website(), Request(longest + "a")), "redirect_uri");
}

TEST(AuthorizeUrlTest, AnAppWithoutAListRefusesEveryHost) {
  App app = Website();
  app.redirect_hosts.clear();
  EXPECT_EQ(RefusedField(app, Request("https://www.example.com/")),
            "redirect_uri");
  EXPECT_EQ(RefusedField(app, Request("https:///")), "redirect_uri");
}

TEST(AuthorizeUrlTest, TheScopeMustFitTheApp) {
  const std::string back = "https://www.example.com/";
  for (const char* scope : {"", "snsapi_base", "snsapi_userinfo",
                            "snsapi_login,snsapi_base", "SNSAPI_LOGIN"})
    EXPECT_EQ(RefusedField(Website(), Request(back, scope)), "scope") << scope;
  for (const char* scope : {"", "snsapi_login", "snsapi_base&x=1"})
    EXPECT_EQ(
        RefusedField(Official(), Request("https://h5.example.com/", scope)),
        "scope")
        << scope;
}

TEST(AuthorizeUrlTest, TheStateIsLettersAndDigits) {
  const std::string back = "https://www.example.com/";
  EXPECT_EQ(RefusedField(Website(),
                         Request(back, "snsapi_login", std::string(128, 'a'))),
            "");
  for (const std::string& state :
       {std::string(), std::string(129, 'a'), std::string("a-b"),
        std::string("a&b=c"), std::string("a#"), std::string("\xE4\xB8\xAD")})
    EXPECT_EQ(RefusedField(Website(), Request(back, "snsapi_login", state)),
              "state")
        << state;
}

TEST(AuthorizeUrlTest, OtherAppsHaveNoPage) {
  for (const AppKind kind : {AppKind::kMiniProgram, AppKind::kMobile}) {
    App app = Website();
    app.kind = kind;
    EXPECT_EQ(RefusedField(app, Request("https://www.example.com/")), "app_id");
  }
}

}  // namespace
}  // namespace wxident

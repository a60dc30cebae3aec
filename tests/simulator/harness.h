#ifndef WXIDENT_TESTS_SIMULATOR_HARNESS_H_
#define WXIDENT_TESTS_SIMULATOR_HARNESS_H_

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/hash.h"
#include "simulator/simulator.h"
#include "tests/base/fake_clock.h"

namespace wxident::simulator {

inline constexpr char kApp[] = "wx4f4bc4dec97d474b";
inline constexpr char kSecret[] = "0123456789abcdef0123456789abcdef";

// A simulator without network, whose clock the test moves. It starts with the
// mini program kApp, bound to the Open Platform account "main".
class Harness {
 public:
  explicit Harness(uint64_t seed = 1) : simulator_(ConfigOf(seed), clock_) {}

  FakeClock& clock() { return clock_; }

  HttpReply Send(const std::string& method, const std::string& target,
                 const std::string& body = "", bool has_content_length = true,
                 const std::string& cookies = "") {
    HttpRequest request;
    request.method = method;
    const size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos)
      request.query = ParseQuery(target.substr(mark + 1));
    request.body = body;
    request.has_content_length = has_content_length;
    request.client_ip = "127.0.0.1";
    request.cookies = cookies;
    Simulator::Call call = simulator_.Begin(std::move(request));
    return simulator_.Finish(std::move(call));
  }

  // The JSON of an answer with status 200; anything else fails the test.
  Json Get(const std::string& target) { return Ok(Send("GET", target)); }
  Json Post(const std::string& target, const Json& body) {
    return Ok(Send("POST", target, body.dump()));
  }
  // A control call, by its name under /_sim/.
  Json Control(const std::string& name, const Json& body) {
    return Post("/_sim/" + name, body);
  }
  // The complaint about a bad control call.
  std::string ControlError(const std::string& name, const Json& body) {
    const HttpReply reply = Send("POST", "/_sim/" + name, body.dump());
    EXPECT_EQ(reply.status, 400) << reply.body;
    return ParseJson(reply.body).value_or(Json()).value("error", "");
  }

  // Another app with the secret kSecret, bound to "main".
  void MakeApp(const std::string& app_id, const std::string& kind) {
    Control("apps", {{"app_id", app_id},
                     {"secret", kSecret},
                     {"kind", kind},
                     {"open_platform_account", "main"},
                     {"redirect_hosts", {"site.example"}}});
  }
  std::string OauthCode(const std::string& app_id, const std::string& user,
                        const std::string& scope = "snsapi_userinfo") {
    return Control(
        "oauth_code",
        {{"app_id", app_id}, {"user", user}, {"scope", scope}})["code"];
  }
  Json ExchangeOauth(const std::string& app_id, const std::string& code) {
    return Get(absl::StrCat("/sns/oauth2/access_token?appid=", app_id,
                            "&secret=", kSecret, "&code=", code,
                            "&grant_type=authorization_code"));
  }
  Json RefreshOauth(const std::string& app_id, const std::string& token) {
    return Get(absl::StrCat("/sns/oauth2/refresh_token?appid=", app_id,
                            "&grant_type=refresh_token&refresh_token=", token));
  }
  // auth or userinfo, with what an exchange answered.
  Json WithUserToken(const std::string& name, const Json& tokens) {
    return Get(absl::StrCat("/sns/", name, "?access_token=",
                            tokens["access_token"].get<std::string>(),
                            "&openid=", tokens["openid"].get<std::string>()));
  }

  std::string LoginCode(const std::string& user) {
    return Control("login_code", {{"app_id", kApp}, {"user", user}})["code"];
  }
  Json Exchange(const std::string& code) {
    return Get(absl::StrCat("/sns/jscode2session?appid=", kApp,
                            "&secret=", kSecret, "&js_code=", code,
                            "&grant_type=authorization_code"));
  }
  Json OrdinaryToken(const std::string& app_id = kApp) {
    return Get(absl::StrCat("/cgi-bin/token?appid=", app_id, "&secret=",
                            kSecret, "&grant_type=client_credential"));
  }
  Json StableToken(bool force = false) {
    return Post("/cgi-bin/stable_token", {{"grant_type", "client_credential"},
                                          {"appid", kApp},
                                          {"secret", kSecret},
                                          {"force_refresh", force}});
  }
  // checksession or resetusersessionkey as who knows `session_key` calls it.
  Json Signed(const std::string& name, const std::string& token,
              const std::string& openid, const std::string& session_key) {
    return Get(
        absl::StrCat("/wxa/", name, "?access_token=", token, "&openid=", openid,
                     "&sig_method=hmac_sha256&signature=",
                     absl::BytesToHexString(HmacSha256(session_key, ""))));
  }

  Simulator& simulator() { return simulator_; }

 private:
  static Config ConfigOf(uint64_t seed) {
    Config config;
    config.seed = seed;
    App& app = config.apps[kApp];
    app.app_id = kApp;
    app.secret = kSecret;
    app.open_platform_account = "main";
    return config;
  }

  static Json Ok(const HttpReply& reply) {
    EXPECT_EQ(reply.status, 200) << reply.body;
    const std::optional<Json> json = ParseJson(reply.body);
    EXPECT_TRUE(json.has_value()) << reply.body;
    return json.value_or(Json());
  }

  FakeClock clock_;
  Simulator simulator_;
};

}  // namespace wxident::simulator

#endif  // WXIDENT_TESTS_SIMULATOR_HARNESS_H_

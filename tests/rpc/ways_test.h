#ifndef WXIDENT_TESTS_RPC_WAYS_TEST_H_
#define WXIDENT_TESTS_RPC_WAYS_TEST_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/identity/ids.h"
#include "server/identity/session_token.h"
#include "tests/rpc/service_test.h"

namespace wxident {

// One way to call a method.
struct Way {
  std::string method;
  // Sets the stage for one call about an app, as an operator would find it, and
  // gives the request in JSON.
  std::function<std::string(const std::string& app)> request;
  // An app of the kind that the method is for.
  std::string good_app = kMini;
  // Who may not call it for every app is refused.
  bool spans_apps = false;
  // An app that the caller may not see hides the person, instead of a refusal.
  bool hides = false;
};

// Knows how every method is called.
class WaysTest : public ServiceTest {
 protected:
  std::vector<Way> Ways() {
    std::vector<Way> ways;
    for (const std::vector<Way>& some :
         {SessionWays(), ProfileWays(), TokenWays(), UserWays(), AdminWays()})
      ways.insert(ways.end(), some.begin(), some.end());
    return ways;
  }

 private:
  // Somebody new who has logged in.
  struct Person {
    std::string app;
    std::string openid;
    std::string unionid;
    std::string user_id;
    std::string token;
  };
  Person NewPerson(const std::string& app, bool with_grant = false) {
    const std::string name = absl::StrCat("person", ++people_);
    SignIn in;
    in.identity = {app, "o_" + name, "u_" + name};
    in.open_platform_account = apps_.Find(app)->open_platform_account;
    in.new_user_id = NewUserId(clock_.Now(), random_);
    in.token_salt = NewTokenSalt(random_);
    const Secret token = LoginToken(in.token_salt, Secret("a code"));
    in.session_token_hash = *SessionTokenHash(token.Expose());
    in.session_ttl = absl::Hours(1);
    in.code_hash = random_.Bytes(32);
    in.exchanged_at = clock_.Now();
    if (with_grant) {
      in.grant =
          OauthGrant{.access_token = Secret("access_" + name),
                     .access_expires_at = clock_.Now() + absl::Hours(2),
                     .refresh_token = Secret("refresh_" + name),
                     .refresh_expires_at = clock_.Now() + absl::Hours(99),
                     .scope = "snsapi_userinfo"};
      wechat_.AddGrant({.openid = in.identity.openid,
                        .access_token = in.grant->access_token,
                        .expires_in = absl::Hours(2),
                        .refresh_token = in.grant->refresh_token,
                        .scope = in.grant->scope});
    } else {
      in.session_key = Secret(kSessionKey);
      wechat_.SetSessionKey(in.identity.openid, Secret(kSessionKey));
    }
    Person person{app, in.identity.openid, in.identity.unionid, "",
                  token.Expose()};
    identities_.RecordSignIn(std::move(in),
                             Deadline::After(absl::Minutes(1), clock_),
                             [&](absl::StatusOr<SignedIn> made) {
                               ASSERT_TRUE(made.ok()) << made.status();
                               person.user_id = made->session.user.user_id;
                             });
    return person;
  }
  void StoreProfile(const Person& person) {
    Profile profile;
    profile.nickname = "a name";
    profile.fetched_at = clock_.Now();
    profiles_.SaveProfile({person.app, person.openid, ""},
                          apps_.Find(person.app)->open_platform_account,
                          profile, Deadline::After(absl::Minutes(1), clock_),
                          [](absl::StatusOr<User> saved) {
                            ASSERT_TRUE(saved.ok()) << saved.status();
                          });
  }

  static std::string Object(const std::vector<std::string>& members) {
    std::string out = "{";
    for (const std::string& member : members)
      absl::StrAppend(&out, out.size() > 1 ? "," : "", member);
    return out + "}";
  }
  static std::string Token(const Person& person) {
    return Text("session_token", person.token);
  }
  static std::string RefOf(const Person& person) {
    return "\"identity_ref\":" + Ref(person.app, person.openid);
  }
  std::string MarkedFor(const std::string& app, const std::string& members) {
    return absl::StrCat("{", members, R"(,"watermark":{"appid":")", app,
                        R"(","timestamp":)", absl::ToUnixSeconds(clock_.Now()),
                        "}}");
  }
  std::string Encrypted(const std::string& app, const std::string& members) {
    return Text("encrypted_data", Encrypt(MarkedFor(app, members))) + "," +
           Text("iv", Iv());
  }
  std::string NewCode() { return absl::StrCat("code", ++codes_); }

  std::vector<Way> SessionWays() {
    return {
        {"Login",
         [this](const std::string& app) {
           const std::string code = NewCode();
           wechat_.AddCode(code, {"o_" + code, "", Secret(kSessionKey)});
           return Object(
               {Text("app_id", app), Text("mini_program_code", code)});
         }},
        {"Login",
         [this](const std::string& app) {
           const std::string code = NewCode();
           wechat_.AddOauthCode(code,
                                {.openid = "o_" + code,
                                 .access_token = Secret("access_" + code),
                                 .expires_in = absl::Hours(2),
                                 .refresh_token = Secret("refresh_" + code),
                                 .scope = "snsapi_userinfo"});
           return Object({Text("app_id", app), Text("oauth_code", code)});
         },
         kOfficial},
        {"ValidateSession",
         [this](const std::string& app) {
           return Object({Token(NewPerson(app))});
         }},
        {"ValidateSession",
         [this](const std::string& app) {
           return Object({Token(NewPerson(app)), "\"strong\":true"});
         }},
        {"RefreshSession",
         [this](const std::string& app) {
           return Object({Token(NewPerson(app))});
         }},
        {"RevokeSession",
         [this](const std::string& app) {
           return Object({Token(NewPerson(app))});
         }},
        {"RevokeSession",
         [this](const std::string& app) {
           return Object({Text("user_id", NewPerson(app).user_id)});
         },
         kMini, true},
        {"CheckSessionKey",
         [this](const std::string& app) {
           return Object({Token(NewPerson(app))});
         }},
        {"DecryptPhone",
         [this](const std::string& app) {
           return Object(
               {Token(NewPerson(app)),
                "\"encrypted\":{" +
                    Encrypted(app, R"("phoneNumber":"13912345678",)"
                                   R"("purePhoneNumber":"13912345678",)"
                                   R"("countryCode":"86")") +
                    "}"});
         }},
        {"DecryptPhone",
         [this](const std::string& app) {
           const Person person = NewPerson(app);
           const std::string code = NewCode();
           wechat_.AddPhoneCode(code, person.openid,
                                {.phone_number = Secret("13912345678"),
                                 .pure_phone_number = Secret("13912345678"),
                                 .country_code = "86",
                                 .watermark_time = clock_.Now()});
           return Object({Token(person), Text("phone_code", code)});
         }},
        {"DecryptUserData",
         [this](const std::string& app) {
           return Object(
               {Token(NewPerson(app)), Encrypted(app, R"("steps":7)")});
         }},
    };
  }

  std::vector<Way> ProfileWays() {
    return {
        {"GetUserInfo",
         [this](const std::string& app) {
           const Person person = NewPerson(app);
           return Object({Token(person),
                          "\"encrypted_profile\":{" +
                              Encrypted(app, R"("nickName":"N","openId":")" +
                                                 person.openid + "\"") +
                              "}"});
         }},
        {"GetUserInfo",
         [this](const std::string& app) {
           const Person person = NewPerson(app);
           StoreProfile(person);
           return Object({Token(person), "\"stored\":{}"});
         }},
        {"GetUserInfo",
         [this](const std::string& app) {
           const Person person = NewPerson(app);
           StoreProfile(person);
           return Object({RefOf(person), "\"stored\":{}"});
         }},
        {"GetUserInfo",
         [this](const std::string& app) {
           return Object({Token(NewPerson(app, true)), "\"oauth\":{}"});
         },
         kOfficial},
        {"GetUserInfo",
         [this](const std::string& app) {
           return Object({RefOf(NewPerson(app, true)), "\"oauth\":{}"});
         },
         kOfficial},
        {"GetUserInfo",
         [this](const std::string& app) {
           return Object({Token(NewPerson(app, true)), "\"follower\":{}"});
         },
         kOfficial},
        {"GetUserInfo",
         [this](const std::string& app) {
           return Object({RefOf(NewPerson(app, true)), "\"follower\":{}"});
         },
         kOfficial},
    };
  }

  std::vector<Way> TokenWays() {
    return {
        {"GetAccessToken",
         [](const std::string& app) { return Object({Text("app_id", app)}); }},
        {"GetAccessToken",
         [this](const std::string& app) {
           return Object({Text("app_id", app),
                          "\"web\":{" + RefOf(NewPerson(app, true)) + "}"});
         },
         kOfficial},
        {"WatchAccessToken",
         [](const std::string& app) { return Object({Text("app_id", app)}); }},
        {"GetJsapiSignature",
         [](const std::string& app) {
           return Object({Text("app_id", app), Text("url", "https://a/")});
         },
         kOfficial},
        {"GetAuthorizeUrl",
         [](const std::string& app) {
           return Object({Text("app_id", app),
                          Text("redirect_uri", "https://h5.example.com/"),
                          Text("scope", "snsapi_base"), Text("state", "s")});
         },
         kOfficial},
    };
  }

  std::vector<Way> UserWays() {
    return {
        {"GetUser",
         [this](const std::string& app) {
           return Object({Text("user_id", NewPerson(app).user_id)});
         },
         kMini, false, true},
        {"GetUser",
         [this](const std::string& app) {
           return Object({RefOf(NewPerson(app))});
         }},
        {"GetUser",
         [this](const std::string& app) {
           return Object({"\"union_ref\":{" + Text("app_id", app) + "," +
                          Text("unionid", NewPerson(app).unionid) + "}"});
         }},
        {"BatchGetUsers",
         [this](const std::string& app) {
           return Object({"\"user_ids\":[\"" + NewPerson(app).user_id + "\"]"});
         },
         kMini, false, true},
        {"BatchGetUsers",
         [this](const std::string& app) {
           const Person person = NewPerson(app);
           return Object(
               {"\"identity_refs\":[" + Ref(app, person.openid) + "]"});
         }},
        {"BatchGetUsers",
         [this](const std::string& app) {
           const Person person = NewPerson(app);
           return Object({"\"identity_refs\":[" + Ref(app, person.openid) + "]",
                          "\"refresh_followers\":true"});
         },
         kOfficial},
    };
  }

  std::vector<Way> AdminWays() {
    return {
        {"ListApps", [](const std::string&) { return std::string("{}"); },
         kMini, true},
        {"GetAppStatus",
         [](const std::string& app) { return Object({Text("app_id", app)}); }},
        {"RefreshAccessToken",
         [this](const std::string& app) {
           clock_.Advance(kForcedFetchesApart);
           return Object({Text("app_id", app)});
         },
         kOrdinary},
        {"EraseUser",
         [this](const std::string& app) {
           return Object({Text("user_id", NewPerson(app).user_id)});
         },
         kMini, true},
        {"EraseUser",
         [this](const std::string& app) {
           return Object({RefOf(NewPerson(app))});
         },
         kMini, true},
        {"ExportUser",
         [this](const std::string& app) {
           return Object({Text("user_id", NewPerson(app).user_id)});
         },
         kMini, true},
        {"RotateKeys", [](const std::string&) { return std::string("{}"); },
         kMini, true},
        {"GetKeyStatus", [](const std::string&) { return std::string("{}"); },
         kMini, true},
    };
  }

  int people_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_RPC_WAYS_TEST_H_

// Every method of both services, called by every caller for every app under
// policies made at random: exactly what the policy allows passes, and what it
// does not has no effect.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/identity/ids.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

const std::vector<std::string> kApps = {kMini, kOfficial, kOrdinary};
const std::vector<std::string> kCallers = {
    "spiffe://corp/orders", "spiffe://corp/team/a", "spiffe://corp/team/b",
    "spiffe://other/orders"};
const std::vector<std::string> kPatterns = {
    "spiffe://corp/orders", "spiffe://corp/team/a", "spiffe://corp/team/*",
    "spiffe://corp/*",      "spiffe://other/*",     "spiffe://corp/nobody"};

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

class PolicyTest : public ServiceTest {
 protected:
  struct Outcome {
    grpc::Status status;
    // In JSON.
    std::string response;
  };

  PolicyTest()
      : generic_(
            grpc::CreateChannel(addr_, grpc::InsecureChannelCredentials())) {}

  static std::vector<const MethodDescriptor*> Methods() {
    std::vector<const MethodDescriptor*> methods;
    for (const auto* file : {v1::LoginRequest::descriptor()->file(),
                             v1::ListAppsRequest::descriptor()->file()})
      for (int m = 0; m < file->service(0)->method_count(); ++m)
        methods.push_back(file->service(0)->method(m));
    return methods;
  }
  static const MethodDescriptor* Find(const std::string& name) {
    for (const MethodDescriptor* method : Methods())
      if (method->name() == name) return method;
    return nullptr;
  }

  static std::unique_ptr<Message> Make(
      const google::protobuf::Descriptor* type) {
    return std::unique_ptr<Message>(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(type)
            ->New());
  }

  // Of a stream: its first message, and then the caller goes.
  Outcome Call(const std::string& caller, const MethodDescriptor& method,
               const std::string& json) {
    auto request = Make(method.input_type());
    const auto parsed =
        google::protobuf::util::JsonStringToMessage(json, request.get());
    EXPECT_TRUE(parsed.ok()) << parsed.ToString() << ": " << json;
    const grpc::Slice slice(request->SerializeAsString());
    const grpc::ByteBuffer bytes(&slice, 1);

    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(10));
    context.AddMetadata("test-caller", caller);
    grpc::CompletionQueue queue;
    auto call = generic_.PrepareCall(
        &context,
        absl::StrCat("/", method.service()->full_name(), "/", method.name()),
        &queue);
    call->StartCall(nullptr);
    Next(queue);
    call->WriteLast(bytes, {}, nullptr);
    Next(queue);
    grpc::ByteBuffer answer;
    call->Read(&answer, nullptr);
    const bool answered = Next(queue);
    Outcome outcome;
    if (answered) outcome.response = Json(method, answer);
    if (answered && method.server_streaming()) context.TryCancel();
    call->Finish(&outcome.status, nullptr);
    Next(queue);
    if (answered && method.server_streaming())
      outcome.status = grpc::Status::OK;
    return outcome;
  }

  static bool Next(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return ok;
  }

  static std::string Json(const MethodDescriptor& method,
                          grpc::ByteBuffer& bytes) {
    grpc::Slice slice;
    EXPECT_TRUE(bytes.DumpToSingleSlice(&slice).ok());
    auto response = Make(method.output_type());
    EXPECT_TRUE(response->ParseFromArray(slice.begin(),
                                         static_cast<int>(slice.size())));
    std::string json;
    EXPECT_TRUE(
        google::protobuf::util::MessageToJsonString(*response, &json).ok());
    return json;
  }

  // What calls change: how often WeChat was asked, and what is stored.
  std::string World() {
    int asked = 0;
    for (const char* endpoint :
         {"jscode2session", "token", "getticket", "oauth2_access_token",
          "oauth2_refresh_token", "sns_userinfo", "user_info",
          "user_info_batchget", "getuserphonenumber", "checksession"})
      asked += wechat_.calls(endpoint);
    std::lock_guard<std::mutex> lock(data_.mutex);
    size_t revoked = 0;
    size_t refreshed = 0;
    for (const auto& [hash, row] : data_.sessions) {
      revoked += row.revoked;
      refreshed += row.next.has_value();
    }
    return absl::StrCat(
        "asked ", asked, ", users ", data_.users.size(), ", identities ",
        data_.identities.size(), ", sessions ", data_.sessions.size(),
        ", revoked ", revoked, ", refreshed ", refreshed, ", phones ",
        data_.phones.size(), ", profiles ", data_.profiles.size(), ", ring ",
        key_ring_->sealing_key_id());
  }

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
    in.session_token = NewSessionToken(random_);
    in.session_token_hash = *SessionTokenHash(in.session_token.Expose());
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
                  in.session_token.Expose()};
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

  std::vector<Way> Ways() {
    std::vector<Way> ways;
    for (const std::vector<Way>& some :
         {SessionWays(), ProfileWays(), TokenWays(), UserWays(), AdminWays()})
      ways.insert(ways.end(), some.begin(), some.end());
    return ways;
  }

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

  grpc::GenericStub generic_;
  int people_ = 0;
};

bool Matches(const std::string& pattern, const std::string& caller) {
  if (pattern.back() != '*') return pattern == caller;
  return caller.compare(0, pattern.size() - 1, pattern, 0,
                        pattern.size() - 1) == 0;
}

// What the policy says of a call, worked out apart from the server.
bool MayCall(const Policy& policy, const std::string& caller,
             const std::string& method, const std::string& app) {
  for (const Policy::Row& row : policy.allow)
    if (Matches(row.caller, caller) && row.methods.count(method) > 0 &&
        (row.apps.empty() || row.apps.count(app) > 0))
      return true;
  return false;
}
bool MayCallAtAll(const Policy& policy, const std::string& caller,
                  const std::string& method) {
  return std::any_of(
      policy.allow.begin(), policy.allow.end(), [&](const Policy::Row& row) {
        return Matches(row.caller, caller) && row.methods.count(method) > 0;
      });
}

Policy PolicyOf(uint32_t seed) {
  std::mt19937 random(seed);
  const auto one_in = [&](uint32_t n) { return random() % n == 0; };
  Policy policy;
  for (uint32_t rows = 2 + random() % 5; rows > 0; --rows) {
    Policy::Row row{.caller = kPatterns[random() % kPatterns.size()]};
    for (const std::string& method : AllMethods())
      if (one_in(2)) row.methods.insert(method);
    if (!one_in(3)) {
      row.apps.insert(kApps[random() % kApps.size()]);
      row.apps.insert(kApps[random() % kApps.size()]);
    }
    policy.allow.push_back(row);
  }
  return policy;
}

TEST_F(PolicyTest, EveryMethodIsCalledInAWayThatSucceeds) {
  std::set<std::string> called;
  for (const Way& way : Ways()) {
    const MethodDescriptor* method = Find(way.method);
    ASSERT_NE(method, nullptr) << way.method;
    const std::string request = way.request(way.good_app);
    const Outcome outcome = Call("loopback", *method, request);
    EXPECT_TRUE(outcome.status.ok())
        << way.method << " " << request << ": " << ReasonOf(outcome.status)
        << " " << outcome.status.error_message();
    called.insert(way.method);
  }
  for (const MethodDescriptor* method : Methods())
    EXPECT_EQ(called.count(method->name()), 1u)
        << method->name() << " has no request here; say how it is called";
}

TEST_F(PolicyTest, ExactlyThePolicysTriplesPass) {
  const std::string everyone = "wx9999999999999999";
  int passed = 0;
  int refused = 0;
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    const Policy policy = PolicyOf(seed);
    access_.Replace(policy);
    for (const Way& way : Ways())
      for (const std::string& caller : kCallers)
        for (const std::string& app : kApps) {
          const std::string request = way.request(app);
          const std::string before = World();
          const Outcome outcome = Call(caller, *Find(way.method), request);
          const std::string what = absl::StrCat(
              "policy ", seed, ", ", caller, ", ", way.method, ", ", app, ": ",
              request, " -> ", ReasonOf(outcome.status), " ", outcome.response);
          // No row names `everyone`: who may call for it may for every app.
          if (MayCall(policy, caller, way.method,
                      way.spans_apps ? everyone : app)) {
            ++passed;
            EXPECT_NE(ReasonOf(outcome.status), "CALLER_NOT_ALLOWED") << what;
            if (way.hides) {
              EXPECT_TRUE(outcome.status.ok()) << what;
              EXPECT_TRUE(absl::StrContains(outcome.response, app)) << what;
            }
            continue;
          }
          ++refused;
          EXPECT_EQ(World(), before) << what;
          if (!way.hides || !MayCallAtAll(policy, caller, way.method)) {
            EXPECT_EQ(outcome.status.error_code(),
                      grpc::StatusCode::PERMISSION_DENIED)
                << what;
            EXPECT_EQ(ReasonOf(outcome.status), "CALLER_NOT_ALLOWED") << what;
            EXPECT_EQ(outcome.response, "") << what;
          } else if (way.method == "GetUser") {
            EXPECT_EQ(ReasonOf(outcome.status), "USER_NOT_FOUND") << what;
          } else {
            EXPECT_EQ(outcome.response, R"({"users":[{}]})") << what;
          }
        }
  }
  // Neither kind is rare, or the rest says little.
  EXPECT_GT(passed, 500);
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace wxident

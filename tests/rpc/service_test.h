#ifndef WXIDENT_TESTS_RPC_SERVICE_TEST_H_
#define WXIDENT_TESTS_RPC_SERVICE_TEST_H_

#include <google/protobuf/util/json_util.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "bazel/google_rpc/error_info.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/access/access_control.h"
#include "server/access/policy.h"
#include "server/base/metrics.h"
#include "server/base/wall_clocks.h"
#include "server/crypto/aes_cbc.h"
#include "server/crypto/base64.h"
#include "server/crypto/key_ring.h"
#include "server/edge/edge_server.h"
#include "server/keys/resealer.h"
#include "server/keys/ring_reload.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/caller.h"
#include "server/rpc/identity_service.h"
#include "tests/base/fake_clock.h"
#include "tests/base/fake_timer.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_credential_store.h"
#include "tests/fakes/fake_grant_store.h"
#include "tests/fakes/fake_identity_store.h"
#include "tests/fakes/fake_key_store.h"
#include "tests/fakes/fake_profile_store.h"
#include "tests/fakes/fake_session_store.h"
#include "tests/session/fake_wechat_api.h"
#include "wxident/v1/admin_service.grpc.pb.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident {

inline constexpr char kMini[] = "wx00000000000000aa";
inline constexpr char kOfficial[] = "wx00000000000000bb";
inline constexpr char kWebsite[] = "wx00000000000000cc";
// An official account whose token comes from cgi-bin/token, bound to no Open
// Platform account.
inline constexpr char kOrdinary[] = "wx00000000000000dd";
// Base64 of 16 bytes.
inline constexpr char kSessionKey[] = "AAECAwQFBgcICQoLDA0ODw==";

// One kind of detail in a status; an empty message when there is none.
template <typename Detail>
Detail DetailOf(const grpc::Status& status) {
  google::rpc::Status wire;
  Detail found;
  if (wire.ParseFromString(status.error_details()))
    for (const auto& detail : wire.details())
      if (detail.Is<Detail>()) detail.UnpackTo(&found);
  return found;
}

inline std::string ReasonOf(const grpc::Status& status) {
  return DetailOf<google::rpc::ErrorInfo>(status).reason();
}

// The methods of both services.
inline std::set<std::string> AllMethods() {
  std::set<std::string> names;
  for (const auto* file : {v1::LoginRequest::descriptor()->file(),
                           v1::ListAppsRequest::descriptor()->file()})
    for (int m = 0; m < file->service(0)->method_count(); ++m)
      names.insert(file->service(0)->method(m)->name());
  return names;
}

// Believes what the call says of itself, as no real one does; "loopback" is who
// says nothing.
class TestCallers final : public Callers {
 public:
  absl::StatusOr<std::string> Identify(const Call& call) override {
    for (const auto& [name, value] : call.metadata())
      if (name == "test-caller") return value;
    return std::string("loopback");
  }
};

// "loopback" may call everything.
inline Policy EverythingAllowed() {
  return {.allow = {{.caller = "loopback", .methods = AllMethods()}}};
}

inline std::vector<KeyRing::Key> KeysOfTests() {
  return {{1, Secret(std::string(32, 'k'))}};
}

inline std::unique_ptr<KeyRing> KeyRingOfTests(Random& random) {
  return *KeyRing::Create(KeysOfTests(), random);
}

// The services on a port of this process, over fakes of WeChat and the stores.
class ServiceTest : public testing::Test {
 protected:
  using Identity = v1::IdentityService::Stub;
  using Admin = v1::AdminService::Stub;
  template <typename Stub, typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&,
                                        Response*);

  ServiceTest() {
    EdgeMethods methods = IdentityMethods(services_);
    methods.merge(AdminMethods(services_));
    server_ = Serve(std::move(methods));
    addr_ = server_->addr();
    const auto channel = ChannelTo(*server_);
    stub_ = v1::IdentityService::NewStub(channel);
    admin_ = v1::AdminService::NewStub(channel);
  }
  ~ServiceTest() override { Stop(); }

  // Ends the server when every call has ended.
  void Stop() {
    tokens_.EndWatches();
    Stop(*server_);
    tokens_.Stop();
    ring_reload_.Stop();
    resealer_.Stop();
    timer_.RunAll();
  }

  // Serves on a port of its own.
  std::unique_ptr<EdgeServer> Serve(EdgeMethods methods) {
    return *EdgeServer::Start(
        {.addr = "127.0.0.1:0", .methods = std::move(methods)}, metrics_);
  }
  static void Stop(EdgeServer& server) { server.Stop(absl::Minutes(1)); }
  static std::shared_ptr<grpc::Channel> ChannelTo(const EdgeServer& server) {
    return grpc::CreateChannel(server.addr(),
                               grpc::InsecureChannelCredentials());
  }

  // The services' parts, of which a test may have others than this.
  Services MakeServices(AccessControl& access, SessionStore& sessions,
                        SessionChecks& checks) {
    return {.callers = callers_,
            .access = access,
            .audit = nullptr,
            .audit_required = true,
            .key_ring = *key_ring_,
            .keys = keys_,
            .ring_reload = ring_reload_,
            .resealer = resealer_,
            .apps = apps_,
            .logins = logins_,
            .session_checks = checks,
            .refusals = refusals_,
            .grants = grants_,
            .tokens = tokens_,
            .identities = identities_,
            .sessions = sessions,
            .profiles = profiles_,
            .wechat = wechat_,
            .clock = clock_,
            .wall_clocks = wall_clocks_,
            .random = random_,
            .metrics = metrics_,
            .default_session_ttl = absl::Hours(24),
            .max_session_ttl = absl::Hours(48),
            .session_max_age = absl::Hours(72),
            .session_refresh_overlap = absl::Seconds(30),
            .open_data_max_age = absl::Hours(1)};
  }

  // Calls `method` of its stub as caller_, with a deadline of 10 s.
  template <typename Stub, typename Request, typename Response>
  grpc::Status Call(Method<Stub, Request, Response> method,
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    return Call(method, request, response, context);
  }
  template <typename Stub, typename Request, typename Response>
  grpc::Status Call(Method<Stub, Request, Response> method,
                    const Request& request, Response* response,
                    grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(10));
    if (caller_ != "loopback") context.AddMetadata("test-caller", caller_);
    if constexpr (std::is_same_v<Stub, Admin>)
      return (admin_.get()->*method)(&context, request, response);
    else
      return (stub_.get()->*method)(&context, request, response);
  }

  // The same with a request in JSON.
  template <typename Stub, typename Request, typename Response>
  grpc::Status CallJson(Method<Stub, Request, Response> method,
                        const std::string& json, Response* response) {
    Request request;
    const auto parsed =
        google::protobuf::util::JsonStringToMessage(json, &request);
    EXPECT_TRUE(parsed.ok()) << parsed.ToString() << ": " << json;
    return Call(method, request, response);
  }

  // The answer to a request in JSON; the test fails without one.
  template <typename Stub, typename Request, typename Response>
  Response Answer(Method<Stub, Request, Response> method,
                  const std::string& json) {
    Response response;
    const grpc::Status status = CallJson(method, json, &response);
    EXPECT_TRUE(status.ok())
        << ReasonOf(status) << " " << status.error_message() << ": " << json;
    return response;
  }

  // The reason why a request in JSON fails; "" when it does not.
  template <typename Stub, typename Request, typename Response>
  std::string Refusal(Method<Stub, Request, Response> method,
                      const std::string& json) {
    Response response;
    return ReasonOf(CallJson(method, json, &response));
  }

  template <typename Stub, typename Request, typename Response>
  void ExpectFieldError(Method<Stub, Request, Response> method,
                        const std::string& json, const std::string& field) {
    Response response;
    const grpc::Status status = CallJson(method, json, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << json;
    EXPECT_EQ(ReasonOf(status), "REQUEST_INVALID") << json;
    const auto bad = DetailOf<google::rpc::BadRequest>(status);
    ASSERT_EQ(bad.field_violations_size(), 1) << json;
    EXPECT_EQ(bad.field_violations(0).field(), field) << json;
    EXPECT_NE(status.error_message().find(field), std::string::npos) << json;
  }

  // "name":"value", and {...} of such.
  static std::string Text(const std::string& name, const std::string& value) {
    return "\"" + name + "\":\"" + value + "\"";
  }
  static std::string Ref(const std::string& app, const std::string& openid) {
    return "{" + Text("app_id", app) + "," + Text("openid", openid) + "}";
  }

  // A session of (kMini, openid) whose session_key is kSessionKey.
  std::string LogIn(const std::string& openid = "o_alice",
                    const std::string& session_key = kSessionKey) {
    const std::string code = "code" + std::to_string(++codes_);
    wechat_.AddCode(code, {openid, "", Secret(session_key)});
    return Answer(&Identity::Login, "{" + Text("app_id", kMini) + "," +
                                        Text("mini_program_code", code) + "}")
        .session_token();
  }

  // A session of (app, openid) by a web code. Its access_token is
  // "access_<openid>", and "refresh_<openid>" refreshes it.
  v1::LoginResponse LogInOnTheWeb(const std::string& openid,
                                  const std::string& scope = "snsapi_userinfo",
                                  const std::string& app = kOfficial) {
    const std::string code = "code" + std::to_string(++codes_);
    wechat_.AddOauthCode(code, {.openid = openid,
                                .access_token = Secret("access_" + openid),
                                .expires_in = absl::Hours(2),
                                .refresh_token = Secret("refresh_" + openid),
                                .scope = scope});
    return Answer(&Identity::Login, "{" + Text("app_id", app) + "," +
                                        Text("oauth_code", code) + "}");
  }

  static std::string Iv() { return Base64Encode("0123456789abcdef"); }
  // Data as WeChat encrypts it for a session_key.
  static std::string Encrypt(const std::string& text,
                             const std::string& session_key = kSessionKey) {
    return Base64Encode(
        AesCbcEncrypt(*Base64Decode(session_key), "0123456789abcdef", text));
  }
  std::string Watermark() {
    return R"("watermark":{"appid":"wx00000000000000aa","timestamp":)" +
           std::to_string(absl::ToUnixSeconds(clock_.Now())) + "}";
  }

  FakeClock clock_;
  FakeRandom random_;
  FakeTimer timer_{clock_};
  FakeWechatApi wechat_;
  FakeStoreData data_{clock_};
  FakeIdentityStore identities_{data_};
  FakeSessionStore sessions_{data_};
  FakeProfileStore profiles_{data_};
  FakeGrantStore grant_store_{data_};
  FakeCredentialStore credentials_{data_};
  Apps apps_{{App{kMini, AppKind::kMiniProgram, "main", Secret("s")},
              App{kOfficial,
                  AppKind::kOfficialAccount,
                  "main",
                  Secret("s"),
                  TokenMode::kStable,
                  {"h5.example.com"}},
              App{kWebsite,
                  AppKind::kWebsite,
                  "main",
                  Secret("s"),
                  TokenMode::kStable,
                  {"www.example.com"}},
              App{kOrdinary, AppKind::kOfficialAccount, kOrdinary, Secret("s"),
                  TokenMode::kOrdinary}}};
  Metrics metrics_;
  TestCallers callers_;
  WallClocks wall_clocks_{clock_, metrics_};
  AccessControl access_{EverythingAllowed(), clock_, metrics_};
  std::unique_ptr<KeyRing> key_ring_ = KeyRingOfTests(random_);
  FakeKeyStore keys_{*key_ring_};
  // What the ring's file holds.
  absl::StatusOr<std::vector<KeyRing::Key>> ring_file_ = KeysOfTests();
  RingReload ring_reload_{*key_ring_, [this] { return ring_file_; },
                          keys_,      random_,
                          clock_,     metrics_};
  Resealer resealer_{keys_, *key_ring_, timer_, clock_, metrics_};
  TokenKeeper tokens_{apps_,  wechat_, credentials_, timer_,
                      clock_, random_, metrics_};
  CodeLogins logins_{wechat_, identities_, timer_, clock_, random_};
  SessionChecks checks_{sessions_, clock_};
  RefusalLimit refusals_{clock_};
  OauthGrants grants_{apps_, wechat_, grant_store_, clock_};
  Services services_ = MakeServices(access_, sessions_, checks_);
  std::unique_ptr<EdgeServer> server_;
  std::string addr_;
  std::unique_ptr<v1::IdentityService::Stub> stub_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
  // Who calls.
  std::string caller_ = "loopback";
  int codes_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_RPC_SERVICE_TEST_H_

// Secrets stay where they belong, at log level debug and in every kind of
// trouble. Each test does what it is named for; the search is the World's, at
// its end.

#include <google/protobuf/descriptor.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/crypto/base64.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

// No secret of anybody's, but what a caller may take for one.
constexpr char kWrongCode[] = "CANARYofAWrongCode0123456789";
constexpr char kWrongToken[] = "wxs1_CANARYofAWrongToken0123456789abcdefghijkl";

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1))
    ++count;
  return count;
}

class CanaryTest : public testing::Test {
 protected:
  CanaryTest() {
    for (const char* text : {kWrongCode, kWrongToken})
      world_.canary().AddSecret("what a caller sent", text);
    std::ofstream(world_.dir() + "/audit.key") << "7 " << kAuditKey << "\n";
    chmod((world_.dir() + "/audit.key").c_str(), 0600);
    world_.canary().AddKey("the audit log's key", kAuditKey);
    Start();
  }

  void Start() {
    server_ = std::make_unique<Wxidentd>(
        world_, std::vector<std::string>{
                    "--log-level=debug", "--grpc-reflection=true",
                    "--audit-file", world_.dir() + "/audit.log",
                    "--audit-key-file", world_.dir() + "/audit.key"});
  }

  v1::IdentityService::Stub& stub() { return server_->stub(); }
  v1::AdminService::Stub& admin() { return server_->admin(); }
  Simulator& sim() { return world_.sim(); }

  // Calls of every RPC that say yes, and as many as may of those that say no.
  // Whatever they say, they are logged.
  void CallEverything(const std::string& user);
  void CallWithSession(const v1::LoginResponse& login,
                       const std::string& session_token,
                       const std::string& user);
  void CallAdmin(const v1::LoginResponse& login);

  template <typename Request>
  using Fill = std::function<void(Request&)>;
  template <typename Stub, typename Request, typename Response>
  Response Call(Stub& stub,
                grpc::Status (Stub::*method)(grpc::ClientContext*,
                                             const Request&, Response*),
                const std::type_identity_t<Fill<Request>>& fill) {
    Request request;
    fill(request);
    Response response;
    (stub.*method)(Within().get(), request, &response).ok();
    ++calls_;
    return response;
  }

  static const std::string kAuditKey;
  World world_;
  std::unique_ptr<Wxidentd> server_;
  int calls_ = 0;
};

const std::string CanaryTest::kAuditKey =
    Base64Encode("CANARY-audit-key-CANARY-audit-ke");

using Identity = v1::IdentityService::Stub;
using Admin = v1::AdminService::Stub;

void CanaryTest::CallWithSession(const v1::LoginResponse& login,
                                 const std::string& session_token,
                                 const std::string& user) {
  const v1::Identity& identity = login.identity();
  const auto ref = [&](v1::IdentityRef& out) {
    out.set_app_id(identity.app_id());
    out.set_openid(identity.openid());
  };
  Call(stub(), &Identity::ValidateSession, [&](auto& request) {
    request.set_session_token(session_token);
    request.set_strong(true);
  });
  Call(stub(), &Identity::CheckSessionKey,
       [&](auto& request) { request.set_session_token(session_token); });
  for (const char* payload : {"phone", "profile"}) {
    const nlohmann::json data = sim().Call(
        "encrypt",
        {{"app_id", kMiniProgram}, {"user", user}, {"payload", payload}});
    const std::string encrypted = data.at("encrypted_data");
    const std::string iv = data.at("iv");
    Call(stub(), &Identity::DecryptPhone, [&](auto& request) {
      request.set_session_token(session_token);
      request.mutable_encrypted()->set_encrypted_data(encrypted);
      request.mutable_encrypted()->set_iv(iv);
    });
    Call(stub(), &Identity::DecryptUserData, [&](auto& request) {
      request.set_session_token(session_token);
      request.set_encrypted_data(encrypted);
      request.set_iv(iv);
    });
    Call(stub(), &Identity::GetUserInfo, [&](auto& request) {
      request.set_session_token(session_token);
      auto& profile = *request.mutable_encrypted_profile();
      profile.set_encrypted_data(encrypted);
      profile.set_iv(iv);
      profile.set_raw_data(data.at("raw_data").get<std::string>());
      profile.set_signature(data.at("signature").get<std::string>());
    });
  }
  for (const std::string& code :
       {std::string(kWrongCode),
        sim()
            .Call("phone_code", {{"app_id", kMiniProgram}, {"user", user}})
            .at("code")
            .get<std::string>()})
    Call(stub(), &Identity::DecryptPhone, [&](auto& request) {
      request.set_session_token(session_token);
      request.set_phone_code(code);
    });
  for (int source = 0; source < 3; ++source)
    Call(stub(), &Identity::GetUserInfo, [&](auto& request) {
      ref(*request.mutable_identity_ref());
      if (source == 0) request.mutable_stored();
      if (source == 1) request.mutable_oauth();
      if (source == 2) request.mutable_follower();
    });
  const auto token =
      Call(stub(), &Identity::GetAccessToken,
           [&](auto& request) { request.set_app_id(identity.app_id()); });
  Call(stub(), &Identity::GetAccessToken, [&](auto& request) {
    request.set_app_id(identity.app_id());
    request.set_rejected_access_token(token.access_token());
  });
  Call(stub(), &Identity::GetAccessToken, [&](auto& request) {
    request.set_app_id(identity.app_id());
    ref(*request.mutable_web()->mutable_identity_ref());
  });
  Call(stub(), &Identity::GetUser,
       [&](auto& request) { ref(*request.mutable_identity_ref()); });
  Call(stub(), &Identity::GetUser, [&](auto& request) {
    request.mutable_union_ref()->set_app_id(identity.app_id());
    request.mutable_union_ref()->set_unionid(identity.unionid());
  });
  Call(stub(), &Identity::BatchGetUsers, [&](auto& request) {
    for (int i = 0; i < 20; ++i) ref(*request.add_identity_refs());
    request.set_refresh_followers(true);
  });
  Call(stub(), &Identity::RefreshSession,
       [&](auto& request) { request.set_session_token(session_token); });
  Call(stub(), &Identity::RevokeSession,
       [&](auto& request) { request.set_session_token(session_token); });
}

void CanaryTest::CallAdmin(const v1::LoginResponse& login) {
  Call(admin(), &Admin::ListApps, [](auto&) {});
  Call(admin(), &Admin::GetAppStatus,
       [&](auto& request) { request.set_app_id(kMiniProgram); });
  Call(admin(), &Admin::RefreshAccessToken,
       [&](auto& request) { request.set_app_id(kMiniProgram); });
  Call(admin(), &Admin::ExportUser,
       [&](auto& request) { request.set_user_id(login.user().user_id()); });
  Call(admin(), &Admin::RotateKeys, [](auto&) {});
  Call(admin(), &Admin::GetKeyStatus, [](auto&) {});
  Call(admin(), &Admin::EraseUser, [&](auto& request) {
    request.mutable_identity_ref()->set_app_id(login.identity().app_id());
    request.mutable_identity_ref()->set_openid(login.identity().openid());
  });
}

void CanaryTest::CallEverything(const std::string& user) {
  for (const std::string& code :
       {std::string(kWrongCode), sim().LoginCode(kMiniProgram, user)}) {
    const auto login = Call(stub(), &Identity::Login, [&](auto& request) {
      request.set_app_id(kMiniProgram);
      request.set_mini_program_code(code);
    });
    CallWithSession(
        login, login.has_user() ? login.session_token() : kWrongToken, user);
  }
  for (const char* app : {kWebsite, kOfficialAccount}) {
    const auto login = Call(stub(), &Identity::Login, [&](auto& request) {
      request.set_app_id(app);
      request.set_oauth_code(sim().OauthCode(app, user));
    });
    CallWithSession(login, login.session_token(), user);
    Call(stub(), &Identity::GetAuthorizeUrl, [&](auto& request) {
      request.set_app_id(app);
      request.set_redirect_uri("https://login.example.com/callback");
      request.set_scope(app == kWebsite ? "snsapi_login" : "snsapi_base");
      request.set_state(kWrongCode);
    });
    Call(stub(), &Identity::GetJsapiSignature, [&](auto& request) {
      request.set_app_id(app);
      request.set_url(absl::StrCat("https://login.example.com/callback?code=",
                                   sim().OauthCode(app, user)));
    });
    if (app == kOfficialAccount) CallAdmin(login);
  }
  // A stream, which its caller leaves.
  v1::WatchAccessTokenRequest watch;
  watch.set_app_id(kOfficialAccount);
  const auto context = Within();
  const auto stream = stub().WatchAccessToken(context.get(), watch);
  v1::WatchAccessTokenResponse token;
  stream->Read(&token);
  context->TryCancel();
  stream->Finish().ok();
  ++calls_;
}

TEST_F(CanaryTest, EveryCallAtLevelDebug) {
  CallEverything("anna");
  EXPECT_EQ(server_->Stop(), 0);
  const std::string log = server_->process().log();
  EXPECT_EQ(Count(log, "\"event\":\"call\""), calls_)
      << "each call's request is there";
  for (const auto* service : {v1::IdentityService::service_full_name(),
                              v1::AdminService::service_full_name()}) {
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
            service);
    ASSERT_NE(descriptor, nullptr);
    for (int i = 0; i < descriptor->method_count(); ++i)
      EXPECT_NE(log.find(absl::StrCat("\"event\":\"call\",\"rpc\":\"",
                                      descriptor->method(i)->name(), "\"")),
                std::string::npos)
          << "CallEverything does not call " << descriptor->method(i)->name();
  }
  EXPECT_NE(log.find("[redacted]"), std::string::npos);
  // What the search has to work with.
  EXPECT_GT(world_.canary().secrets(), 30u);
}

TEST_F(CanaryTest, TroubleWithWechat) {
  // The last echoes what it was sent, as a proxy's page does.
  for (const nlohmann::json& fault : std::vector<nlohmann::json>{
           {{"path", "*"}, {"errcode", -1}},
           {{"path", "*"}, {"errcode", 40029}},
           {{"path", "*"}, {"errcode", 40001}},
           {{"path", "*"}, {"errcode", 40013}},
           {{"path", "*"}, {"errcode", 45011}},
           {{"path", "*"}, {"errcode", 99999}},
           {{"path", "*"}, {"http_status", 502}, {"body", "<html>"}},
           {{"path", "*"}, {"patch", {{"openid", 7}}}},
           {{"path", "*"}, {"cut_after", 20}},
           {{"path", "*"}, {"cut_after", 60}, {"when", "after"}},
           {{"path", "*"}, {"reset", true}},
           {{"path", "*"},
            {"errcode", 40029},
            {"errmsg",
             absl::StrCat("invalid code ", kWrongCode, ", rid: ", kWrongCode)}},
           {{"path", "*"}, {"body", kWrongToken}}}) {
    sim().ClearFaults();
    sim().Fault(fault);
    CallEverything("anna");
  }
  sim().ClearFaults();
  EXPECT_EQ(server_->Stop(), 0);
}

TEST_F(CanaryTest, TroubleWithTheDatabase) {
  // A statement's error, whose detail is the row.
  world_.Query(
      "ALTER TABLE sessions ADD CONSTRAINT never CHECK (openid = '') "
      "NOT VALID");
  world_.Query(
      "ALTER TABLE phones ADD CONSTRAINT never CHECK (openid = '') NOT VALID");
  CallEverything("anna");
  world_.Query("ALTER TABLE sessions DROP CONSTRAINT never");
  world_.Query("REVOKE ALL ON identities FROM wxident_server");
  CallEverything("anna");
  world_.Query("GRANT ALL ON identities TO wxident_server");
  world_.Query("ALTER TABLE profiles RENAME COLUMN openid TO away");
  CallEverything("anna");
  world_.Query("ALTER TABLE profiles RENAME COLUMN away TO openid");
  // The row that a session would belong to is gone.
  world_.Query("DELETE FROM session_keys");
  CallEverything("anna");
  // What is sealed does not open.
  const auto login = LogIn(world_, *server_, "bert");
  world_.Query(
      "UPDATE session_keys SET session_key = "
      "set_byte(session_key, 20, 255 - get_byte(session_key, 20))");
  CallWithSession(login, login.session_token(), "bert");
  const std::string log = world_.postgres().Log();
  EXPECT_NE(log.find("violates check constraint"), std::string::npos) << log;
  EXPECT_NE(log.find("permission denied"), std::string::npos) << log;
  ASSERT_TRUE(world_.postgres().Restart("immediate").ok());
  CallEverything("bert");
  EXPECT_EQ(server_->Stop(), 0);
}

TEST_F(CanaryTest, Crashes) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGQUIT}) {
    const auto login = LogIn(world_, *server_, "anna");
    auto calls = std::async(std::launch::async, [&] {
      for (int i = 0; i < 200; ++i) {
        v1::ValidateSessionRequest request;
        request.set_session_token(login.session_token());
        request.set_strong(true);
        v1::ValidateSessionResponse response;
        stub().ValidateSession(Within().get(), request, &response).ok();
      }
    });
    server_->process().Signal(signal);
    // Sanitizers have codes of their own.
    EXPECT_NE(server_->process().Wait(), 0);
    calls.wait();
    Start();
  }
  EXPECT_EQ(server_->Stop(), 0);
}

// What somebody edits and sends SIGHUP for, half-way.
TEST_F(CanaryTest, BadFilesAtSighup) {
  const std::string ring = world_.dir() + "/ring.keys";
  const std::string key =
      world_.secrets().front().substr(0, world_.secrets().front().size() - 1);
  world_.canary().AddSecret("a broken key", key.substr(0, 40));
  const auto refusals = [&] {
    const std::string log = server_->process().log();
    return Count(log, "\"event\":\"not reloaded");
  };
  for (const std::string& text :
       {absl::StrCat("1 ", key), absl::StrCat("x ", key), key,
        absl::StrCat("1 ", key, "=\n1 ", key, "="),
        absl::StrCat("1 ", key, "= ", key, "="), std::string()}) {
    std::ofstream(ring) << text;
    const int before = refusals();
    server_->process().Signal(SIGHUP);
    const absl::Time give_up = absl::Now() + absl::Seconds(20);
    while (refusals() == before && absl::Now() < give_up)
      std::this_thread::yield();
    EXPECT_GT(refusals(), before) << text.size();
  }
  CallEverything("anna");
  EXPECT_EQ(server_->Stop(), 0);
}

// What operators may ask for, in the bytes that it comes in.
TEST_F(CanaryTest, Reflection) {
  CallEverything("anna");
  const auto ask = [&](const std::string& addr, const std::string& method,
                       const std::string& bytes) {
    grpc::GenericStub stub(
        grpc::CreateChannel(addr, grpc::InsecureChannelCredentials()));
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    std::promise<bool> done;
    const auto context = Within();
    stub.UnaryCall(context.get(), method, grpc::StubOptions(), &request,
                   &response,
                   [&](grpc::Status status) { done.set_value(status.ok()); });
    if (!done.get_future().get()) return false;
    std::string answer;
    std::vector<grpc::Slice> slices;
    if (!response.Dump(&slices).ok()) return false;
    for (const grpc::Slice& part : slices)
      answer.append(reinterpret_cast<const char*>(part.begin()), part.size());
    world_.canary().AddOutput(method, answer);
    return true;
  };
  for (const char* version : {"v1", "v1alpha"})
    for (const std::string& addr : {server_->addr(), server_->admin_addr()})
      EXPECT_TRUE(ask(addr,
                      absl::StrCat("/grpc.reflection.", version,
                                   ".ServerReflection/ServerReflectionInfo"),
                      std::string("\x3a\x00", 2)));
  EXPECT_EQ(server_->Stop(), 0);
}

}  // namespace
}  // namespace wxident

#ifndef WXIDENT_TESTS_RPC_SERVICE_TEST_H_
#define WXIDENT_TESTS_RPC_SERVICE_TEST_H_

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/base/metrics.h"
#include "server/crypto/aes_cbc.h"
#include "server/crypto/base64.h"
#include "server/rpc/error_info.pb.h"
#include "server/rpc/identity_service.h"
#include "tests/base/fake_clock.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_identity_store.h"
#include "tests/fakes/fake_profile_store.h"
#include "tests/fakes/fake_session_store.h"
#include "tests/fakes/fake_token_store.h"
#include "tests/session/fake_wechat_api.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident {

inline constexpr char kMini[] = "wx00000000000000aa";
inline constexpr char kOfficial[] = "wx00000000000000bb";
// Base64 of 16 bytes.
inline constexpr char kSessionKey[] = "AAECAwQFBgcICQoLDA0ODw==";

// The service behind a real gRPC server in this process, over fakes of WeChat
// and the stores.
class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    stub_ = v1::IdentityService::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                            grpc::InsecureChannelCredentials()));
  }
  ~ServiceTest() override { server_->Shutdown(); }

  // Calls `method` of the stub with a deadline of 10 s.
  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (v1::IdentityService::Stub::*method)(
                        grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(10));
    return (stub_.get()->*method)(&context, request, response);
  }

  // A session of (kMini, openid) whose session_key is kSessionKey.
  std::string LogIn(const std::string& openid = "o_alice") {
    const std::string code = "code" + std::to_string(++codes_);
    wechat_.AddCode(code, {openid, "", Secret(kSessionKey)});
    v1::LoginRequest request;
    request.set_app_id(kMini);
    request.set_mini_program_code(code);
    v1::LoginResponse response;
    const grpc::Status status =
        Call(&v1::IdentityService::Stub::Login, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.session_token();
  }

  static std::string Iv() { return Base64Encode("0123456789abcdef"); }
  // Data as WeChat encrypts it for kSessionKey.
  static std::string Encrypt(const std::string& text) {
    return Base64Encode(
        AesCbcEncrypt(*Base64Decode(kSessionKey), "0123456789abcdef", text));
  }
  std::string Watermark() {
    return R"("watermark":{"appid":"wx00000000000000aa","timestamp":)" +
           std::to_string(absl::ToUnixSeconds(clock_.Now())) + "}";
  }

  FakeClock clock_;
  FakeRandom random_;
  FakeWechatApi wechat_;
  FakeStoreData data_{clock_};
  FakeIdentityStore identities_{data_};
  FakeSessionStore sessions_{data_};
  FakeProfileStore profiles_{data_};
  FakeTokenStore token_store_{data_};
  Apps apps_{{App{kMini, AppKind::kMiniProgram, "main", Secret("s")},
              App{kOfficial, AppKind::kOfficialAccount, "main", Secret("s")}}};
  TokenKeeper tokens_{apps_, wechat_, token_store_, clock_, random_};
  CodeLogins logins_{wechat_, identities_, clock_, random_};
  SessionChecks checks_{sessions_, clock_};
  Metrics metrics_;
  std::unique_ptr<grpc::Service> service_ =
      MakeIdentityService({.apps = apps_,
                           .logins = logins_,
                           .session_checks = checks_,
                           .tokens = tokens_,
                           .identities = identities_,
                           .sessions = sessions_,
                           .profiles = profiles_,
                           .clock = clock_,
                           .metrics = metrics_,
                           .default_session_ttl = absl::Hours(24),
                           .max_session_ttl = absl::Hours(48),
                           .open_data_max_age = absl::Hours(1)});
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::IdentityService::Stub> stub_;
  int codes_ = 0;
};

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

}  // namespace wxident

#endif  // WXIDENT_TESTS_RPC_SERVICE_TEST_H_

#ifndef WXIDENT_TESTS_RPC_SERVICE_TEST_H_
#define WXIDENT_TESTS_RPC_SERVICE_TEST_H_

#include <google/protobuf/util/json_util.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "bazel/google_rpc/error_info.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/crypto/aes_cbc.h"
#include "server/crypto/base64.h"
#include "server/edge/edge_server.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/identity_service.h"
#include "tests/rpc/services_fixture.h"
#include "wxident/v1/admin_service.grpc.pb.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident {

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

// The services on a port of this process, and stubs that call them.
class ServiceTest : public ServicesFixture {
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
    StopServer(*server_);
    StopFlows();
  }

  static std::shared_ptr<grpc::Channel> ChannelTo(const EdgeServer& server) {
    return grpc::CreateChannel(server.addr(),
                               grpc::InsecureChannelCredentials());
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

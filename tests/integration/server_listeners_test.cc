// What is served where: services, reflection, metrics.

#include <curl/curl.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/http_server/web_client.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

// What an unary call of any method with these bytes brings; the answer's bytes
// go to `answer`.
grpc::Status CallAny(const std::string& addr, const std::string& method,
                     const std::string& bytes, std::string* answer) {
  grpc::GenericStub stub(
      grpc::CreateChannel(addr, grpc::InsecureChannelCredentials()));
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  std::promise<grpc::Status> done;
  const auto context = Within();
  stub.UnaryCall(context.get(), method, grpc::StubOptions(), &request,
                 &response,
                 [&](grpc::Status status) { done.set_value(status); });
  grpc::Status status = done.get_future().get();
  std::vector<grpc::Slice> slices;
  if (status.ok() && response.Dump(&slices).ok())
    for (const grpc::Slice& part : slices)
      answer->append(reinterpret_cast<const char*>(part.begin()), part.size());
  return status;
}

constexpr char kReflection[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
// ServerReflectionRequest { list_services: "" }
const char kListServices[] = {0x3a, 0x00};

grpc::Status ListServices(const std::string& addr, std::string* answer) {
  return CallAny(addr, kReflection,
                 std::string(kListServices, sizeof(kListServices)), answer);
}

TEST(ServerListenersTest, ReflectionIsOffUnlessAskedFor) {
  World world;
  std::string answer;
  {
    Wxidentd server(world);
    EXPECT_EQ(ListServices(server.addr(), &answer).error_code(),
              grpc::StatusCode::UNIMPLEMENTED);
    EXPECT_EQ(server.Stop(), 0);
  }
  Wxidentd server(world, {"--grpc-reflection=true"});
  const grpc::Status status = ListServices(server.addr(), &answer);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_NE(answer.find("wxident.v1.IdentityService"), std::string::npos);
  EXPECT_NE(answer.find("grpc.health.v1.Health"), std::string::npos);
  EXPECT_EQ(server.Stop(), 0);
}

TEST(ServerListenersTest, EachListenerHasItsOwnService) {
  constexpr char kListApps[] = "/wxident.v1.AdminService/ListApps";
  constexpr char kLogin[] = "/wxident.v1.IdentityService/Login";
  World world;
  Wxidentd server(world);
  std::string answer;
  EXPECT_TRUE(CallAny(server.admin_addr(), kListApps, "", &answer).ok());
  EXPECT_FALSE(answer.empty());
  EXPECT_EQ(CallAny(server.addr(), kLogin, "", &answer).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(CallAny(server.addr(), kListApps, "", &answer).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(CallAny(server.admin_addr(), kLogin, "", &answer).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(server.Stop(), 0);
}

std::string HttpGet(const std::string& url, long* status) {
  std::string body;
  CURL* const curl = curl_easy_init();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 20'000L);
  curl_easy_setopt(
      curl, CURLOPT_WRITEFUNCTION,
      +[](char* data, size_t size, size_t count, void* out) {
        static_cast<std::string*>(out)->append(data, size * count);
        return size * count;
      });
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  EXPECT_EQ(curl_easy_perform(curl), CURLE_OK) << url;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
  curl_easy_cleanup(curl);
  return body;
}

TEST(ServerListenersTest, MetricsCountAndHoldNoSecret) {
  World world;
  Wxidentd server(world);
  std::vector<std::string> canaries = world.secrets();
  canaries.push_back(world.sim().LoginCode(kMiniProgram, "anna"));
  v1::LoginResponse login;
  ASSERT_TRUE(Login(server.stub(), canaries.back(), &login).ok());
  canaries.push_back(login.session_token());
  canaries.push_back(login.identity().openid());
  canaries.push_back(login.user().user_id());
  v1::LoginResponse refused;
  EXPECT_FALSE(
      Login(server.stub(), "CANARY-of-a-wrong-login-code", &refused).ok());
  canaries.push_back("CANARY-of-a-wrong-login-code");
  v1::GetAccessTokenRequest ask;
  ask.set_app_id(kMiniProgram);
  v1::GetAccessTokenResponse token;
  ASSERT_TRUE(server.stub().GetAccessToken(Within().get(), ask, &token).ok());
  canaries.push_back(token.access_token());

  long status = 0;
  const std::string metrics = HttpGet(
      absl::StrCat("http://127.0.0.1:", server.metrics_port(), "/metrics"),
      &status);
  EXPECT_EQ(status, 200);
  EXPECT_NE(metrics.find("wxident_"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("Login"), std::string::npos) << metrics;
  for (const std::string& canary : canaries) {
    ASSERT_GE(canary.size(), 8u);
    EXPECT_EQ(metrics.find(canary), std::string::npos) << canary;
  }
  EXPECT_EQ(server.Stop(), 0);
}

// Scrapers are not kept out by whoever says nothing, or half of a request.
TEST(ServerListenersTest, MetricsInACrowd) {
  World world;
  Wxidentd server(world);
  int port = 0;
  ASSERT_TRUE(absl::SimpleAtoi(server.metrics_port(), &port));
  std::vector<std::unique_ptr<WebClient>> crowd;
  for (int i = 0; i < 100; ++i) {
    crowd.push_back(std::make_unique<WebClient>(port));
    EXPECT_TRUE(
        crowd.back()->Send(i % 2 == 0 ? "GET /metrics HTTP/1.1\r\nho" : ""));
  }
  WebClient scraper(port);
  ASSERT_TRUE(scraper.Send("GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n"));
  const WebClient::Answer answer = scraper.Read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("why=\"crowd\""), std::string::npos);
  EXPECT_EQ(server.Stop(), 0);
}

}  // namespace
}  // namespace wxident

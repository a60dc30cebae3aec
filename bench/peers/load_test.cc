#include "bench/peers/load.h"

#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "bench/peers/h2_connection.h"
#include "tests/tls/test_ca.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

// Answers with a text as long as the app_id says, and refuses "refuse".
class Service final : public v1::IdentityService::Service {
 public:
  grpc::Status GetAccessToken(grpc::ServerContext*,
                              const v1::GetAccessTokenRequest* request,
                              v1::GetAccessTokenResponse* response) override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ++seen_[request->app_id()];
    }
    if (request->app_id() == "refuse")
      return {grpc::StatusCode::NOT_FOUND, "no such app"};
    response->set_access_token(std::string(request->app_id().size(), 't'));
    return grpc::Status::OK;
  }

  // How often each app_id came.
  std::map<std::string, int> seen() {
    std::lock_guard<std::mutex> lock(mutex_);
    return seen_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> seen_;
};

std::string RequestOf(const std::string& app_id) {
  v1::GetAccessTokenRequest request;
  request.set_app_id(app_id);
  return request.SerializeAsString();
}

class LoadTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { signal(SIGPIPE, SIG_IGN); }

  void Serve(const std::shared_ptr<grpc::ServerCredentials>& credentials,
             int max_streams = 1000) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, max_streams);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    options_.host = "127.0.0.1";
    options_.port = static_cast<uint16_t>(port);
    options_.path = "/wxident.v1.IdentityService/GetAccessToken";
  }

  // Requests of so many app_ids, each once and without an end in sight.
  void SendOnce(int count) {
    for (int i = 0; i < count; ++i)
      options_.requests.push_back(RequestOf(absl::StrCat("wx", 1000 + i)));
    options_.each_once = true;
    options_.time = absl::Minutes(5);
  }

  Service service_;
  std::unique_ptr<grpc::Server> server_;
  LoadOptions options_;
};

TEST_F(LoadTest, SendsEachRequestOnce) {
  Serve(grpc::InsecureServerCredentials());
  SendOnce(500);
  options_.in_flight = 16;
  options_.connections = 3;
  const auto result = RunLoad(options_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->answered, 500u);
  EXPECT_THAT(result->failed, IsEmpty());
  EXPECT_TRUE(result->ran_out);
  EXPECT_THAT(service_.seen(), SizeIs(500));
  EXPECT_THAT(service_.seen(), Each(Pair(HasSubstr("wx1"), 1)));
  // A field of 6 characters.
  EXPECT_EQ(result->least_answer, 8u);
  EXPECT_EQ(result->largest_answer, 8u);
  EXPECT_GT(result->p50, absl::ZeroDuration());
  EXPECT_LE(result->p50, result->p99);
  EXPECT_LE(result->p99, result->longest);
  EXPECT_LE(result->longest, result->took);
}

TEST_F(LoadTest, SendsRequestsOverAndOverUntilTheTimeIsOver) {
  Serve(grpc::InsecureServerCredentials());
  options_.requests = {RequestOf("a"), RequestOf("bbb")};
  options_.in_flight = 4;
  options_.warm_up = absl::Milliseconds(50);
  options_.time = absl::Milliseconds(200);
  std::vector<std::string> said;
  options_.on_begin = [&] { said.push_back("begin"); };
  options_.on_end = [&] { said.push_back("end"); };
  const auto result = RunLoad(options_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(said, ElementsAre("begin", "end"));
  EXPECT_GE(result->took, options_.time);
  EXPECT_FALSE(result->ran_out);
  const std::map<std::string, int> seen = service_.seen();
  ASSERT_THAT(seen, SizeIs(2));
  EXPECT_LE(std::abs(seen.at("a") - seen.at("bbb")), 1);
  // Not those of the warm-up, nor the last ones.
  EXPECT_LE(result->answered,
            static_cast<uint64_t>(seen.at("a") + seen.at("bbb")));
}

TEST_F(LoadTest, CountsErrorsApart) {
  Serve(grpc::InsecureServerCredentials());
  SendOnce(30);
  options_.requests[7] = options_.requests[8] = RequestOf("refuse");
  const auto result = RunLoad(options_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->answered, 28u);
  EXPECT_THAT(result->failed, ElementsAre(Pair(grpc::NOT_FOUND, 2)));
}

TEST_F(LoadTest, SaysOfAnUnknownMethodThatItIsNotImplemented) {
  Serve(grpc::InsecureServerCredentials());
  SendOnce(3);
  options_.path = "/wxident.v1.IdentityService/Nothing";
  const auto result = RunLoad(options_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->answered, 0u);
  EXPECT_THAT(result->failed, ElementsAre(Pair(grpc::UNIMPLEMENTED, 3)));
}

TEST_F(LoadTest, ShowsItsCertificate) {
  const TestCertificate ca = MakeTestCa();
  const TestCertificate own =
      MakeTestCertificate({.on_loopback = true, .usage = "serverAuth"}, &ca);
  const TestCertificate caller =
      MakeTestCertificate({.usage = "clientAuth"}, &ca);
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = ca.pem;
  options.pem_key_cert_pairs.push_back({own.key, own.pem});
  Serve(grpc::SslServerCredentials(options));
  SendOnce(300);
  options_.in_flight = 20;
  options_.connections = 2;
  const auto tls = TlsClient::Create(ca.pem, caller.pem, caller.key);
  ASSERT_TRUE(tls.ok()) << tls.status();
  options_.tls = tls->get();
  const auto result = RunLoad(options_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->answered, 300u);
  EXPECT_THAT(service_.seen(), SizeIs(300));
}

TEST_F(LoadTest, RefusesAServerOfAnotherCa) {
  const TestCertificate ca = MakeTestCa();
  const TestCertificate own = MakeTestCertificate({.on_loopback = true}, &ca);
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = ca.pem;
  options.pem_key_cert_pairs.push_back({own.key, own.pem});
  Serve(grpc::SslServerCredentials(options));
  SendOnce(1);
  const auto tls = TlsClient::Create(MakeTestCa("other").pem, own.pem, own.key);
  ASSERT_TRUE(tls.ok()) << tls.status();
  options_.tls = tls->get();
  const auto result = RunLoad(options_);
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("certificate verify failed"));
}

TEST_F(LoadTest, SaysWhenTheServerAllowsFewerCalls) {
  Serve(grpc::InsecureServerCredentials(), 10);
  options_.requests = {RequestOf("a")};
  options_.in_flight = 44;
  options_.connections = 4;
  const auto result = RunLoad(options_);
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("lets 10 calls run on a connection, not 11"));
}

TEST_F(LoadTest, FailsWithoutAServer) {
  Serve(grpc::InsecureServerCredentials());
  server_->Shutdown();
  server_.reset();
  SendOnce(1);
  const auto result = RunLoad(options_);
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("connecting to 127.0.0.1:"));
}

}  // namespace
}  // namespace wxident

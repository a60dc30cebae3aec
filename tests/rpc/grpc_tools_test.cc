// What operators call gRPC servers with: grpcurl and ghz, which know the
// services by reflection alone, and grpc-health-probe.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/health_methods.h"
#include "server/rpc/reflection_methods.h"
#include "tests/edge/gate_programs.h"
#include "tests/integration/process.h"
#include "tests/rpc/methods_fixture.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class GrpcToolsTest : public MethodsFixture {
 protected:
  void SetUp() override {
    MethodsFixture::SetUp();
    auto methods = ReflectionMethods(
        {v1::LoginRequest::descriptor()->file()->service(0)->full_name()},
        Admit());
    ASSERT_TRUE(methods.ok()) << methods.status();
    for (auto& [path, method] : health_.Methods())
      (*methods)[path] = std::move(method);
    Serve(*std::move(methods));
  }
  void TearDown() override { server_.reset(); }

  // What the tool says; it must exit with `code`.
  static std::string Run(std::vector<std::string> words, int code) {
    words[0] = GateProgram(words[0]);
    Process process(std::move(words));
    EXPECT_EQ(process.Wait(), code) << process.log();
    return process.log();
  }
  std::string Grpcurl(std::vector<std::string> words) {
    std::vector<std::string> all = {"grpcurl", "-plaintext", "-max-time=60"};
    // What stands before the address.
    if (words.size() > 1 && words[0] == "-d") {
      all.insert(all.end(), words.begin(), words.begin() + 2);
      words.erase(words.begin(), words.begin() + 2);
    }
    all.push_back(server_->addr());
    all.insert(all.end(), words.begin(), words.end());
    return Run(std::move(all), 0);
  }
  std::string Probe(std::vector<std::string> words, int code) {
    words.insert(words.begin(),
                 {"grpc-health-probe", absl::StrCat("-addr=", server_->addr()),
                  "-connect-timeout=60s", "-rpc-timeout=60s"});
    return Run(std::move(words), code);
  }

  Health health_{{"wxident.v1.IdentityService"}, Admit()};
};

TEST_F(GrpcToolsTest, GrpcurlLists) {
  const std::string listed = Grpcurl({"list"});
  EXPECT_THAT(listed, HasSubstr("wxident.v1.IdentityService\n"));
  EXPECT_THAT(listed, HasSubstr("grpc.health.v1.Health\n"));
  EXPECT_THAT(Grpcurl({"list", "wxident.v1.IdentityService"}),
              HasSubstr("wxident.v1.IdentityService.Login\n"));
}

TEST_F(GrpcToolsTest, GrpcurlDescribes) {
  EXPECT_THAT(Grpcurl({"describe", "wxident.v1.IdentityService.Login"}),
              HasSubstr("( .wxident.v1.LoginRequest )"));
  EXPECT_THAT(Grpcurl({"describe", "wxident.v1.LoginRequest"}),
              HasSubstr("string app_id = 1"));
  EXPECT_THAT(Grpcurl({"describe", "wxident.v1.sensitive"}),
              HasSubstr("51001"));
}

TEST_F(GrpcToolsTest, GrpcurlKnowsTheDetailsOfErrors) {
  for (const char* detail : {"ErrorInfo", "BadRequest", "RetryInfo"})
    EXPECT_THAT(Grpcurl({"describe", absl::StrCat("google.rpc.", detail)}),
                HasSubstr("message"));
}

TEST_F(GrpcToolsTest, GrpcurlCalls) {
  health_.SetServing(true);
  EXPECT_THAT(Grpcurl({"grpc.health.v1.Health/Check"}),
              HasSubstr("\"SERVING\""));
  EXPECT_THAT(Grpcurl({"-d", "{\"service\": \"wxident.v1.IdentityService\"}",
                       "grpc.health.v1.Health/Check"}),
              HasSubstr("\"SERVING\""));
}

TEST_F(GrpcToolsTest, TheHealthProbe) {
  // 4: it could ask, and the server is not ready.
  EXPECT_THAT(Probe({}, 4), HasSubstr("NOT_SERVING"));
  health_.SetServing(true);
  EXPECT_THAT(Probe({}, 0), HasSubstr("status: SERVING"));
  EXPECT_THAT(Probe({"-service=wxident.v1.IdentityService"}, 0),
              HasSubstr("status: SERVING"));
  // 3: the call failed.
  EXPECT_THAT(Probe({"-service=another.Service"}, 3), HasSubstr("unknown"));
}

TEST_F(GrpcToolsTest, Ghz) {
  health_.SetServing(true);
  const std::string told =
      Run({"ghz", "--insecure", "--call=grpc.health.v1.Health/Check",
           "--total=5000", "--concurrency=100", "--connections=5",
           "--timeout=60s", "--data={}", server_->addr()},
          0);
  // It has a line for each status, and for each error.
  EXPECT_THAT(told, HasSubstr("[OK]   5000 responses"));
  EXPECT_THAT(told, Not(HasSubstr("Error distribution")));
}

}  // namespace
}  // namespace wxident

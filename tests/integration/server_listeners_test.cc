// Who gets in where: TLS, reflection, channelz, metrics.

#include <curl/curl.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

// Runs `openssl` in `dir`.
void OpenSsl(const std::string& dir, const std::string& arguments) {
  std::vector<std::string> argv = {"/usr/bin/env", "-C", dir, "openssl"};
  for (const auto& argument : absl::StrSplit(arguments, ' '))
    argv.emplace_back(argument);
  Process openssl(std::move(argv));
  EXPECT_EQ(openssl.Wait(), 0) << openssl.log();
}

// <name>.pem and <name>.key in `dir`: a certificate authority.
void MakeCa(const std::string& dir, const std::string& name) {
  OpenSsl(dir,
          absl::StrCat("req -x509 -newkey ec -pkeyopt "
                       "ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=",
                       name, " -keyout ", name, ".key -out ", name, ".pem"));
}

// The same for a party that `ca` vouches for.
void MakeCertificate(const std::string& dir, const std::string& name,
                     const std::string& ca, const std::string& usage) {
  OpenSsl(dir,
          absl::StrCat("req -x509 -newkey ec -pkeyopt "
                       "ec_paramgen_curve:P-256 -nodes -days 2 -CA ",
                       ca, ".pem -CAkey ", ca, ".key -subj /CN=", name,
                       " -addext subjectAltName=IP:127.0.0.1 -addext "
                       "basicConstraints=critical,CA:FALSE -addext "
                       "extendedKeyUsage=",
                       usage, " -keyout ", name, ".key -out ", name, ".pem"));
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

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
  const grpc::Status status = done.get_future().get();
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
constexpr char kChannelz[] = "/grpc.channelz.v1.Channelz/GetServers";

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

TEST(ServerListenersTest, ChannelzIsForOperatorsAlone) {
  World world;
  Wxidentd server(world);
  std::string answer;
  EXPECT_EQ(CallAny(server.addr(), kChannelz, "", &answer).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  const grpc::Status status =
      CallAny(server.admin_addr(), kChannelz, "", &answer);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_FALSE(answer.empty());
  // And the service is not for operators.
  EXPECT_EQ(CallAny(server.admin_addr(), "/wxident.v1.IdentityService/Login",
                    "", &answer)
                .error_code(),
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

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    for (const char* ca : {"server-ca", "callers-ca", "foreign-ca"})
      MakeCa(dir_, ca);
    MakeCertificate(dir_, "grpc", "server-ca", "serverAuth");
    MakeCertificate(dir_, "caller", "callers-ca", "clientAuth");
    MakeCertificate(dir_, "stranger", "foreign-ca", "clientAuth");
    server_ = std::make_unique<Wxidentd>(
        world_, std::vector<std::string>{
                    "--grpc-tls-cert-file", dir_ + "/grpc.pem",
                    "--grpc-tls-key-file", dir_ + "/grpc.key",
                    "--grpc-tls-client-ca-file", dir_ + "/callers-ca.pem"});
  }

  grpc::Status LoginWith(std::shared_ptr<grpc::ChannelCredentials> credentials,
                         const std::string& user) {
    const auto stub = v1::IdentityService::NewStub(
        grpc::CreateChannel(server_->addr(), credentials));
    v1::LoginResponse response;
    return Login(*stub, world_.sim().LoginCode(kMiniProgram, user), &response);
  }

  // `name`: whose certificate to show; "" for none.
  std::shared_ptr<grpc::ChannelCredentials> Credentials(
      const std::string& name, const std::string& trusted = "server-ca") {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = ReadFile(absl::StrCat(dir_, "/", trusted, ".pem"));
    if (!name.empty()) {
      ssl.pem_cert_chain = ReadFile(absl::StrCat(dir_, "/", name, ".pem"));
      ssl.pem_private_key = ReadFile(absl::StrCat(dir_, "/", name, ".key"));
    }
    return grpc::SslCredentials(ssl);
  }

  int Healthcheck(const std::string& name) {
    std::vector<std::string> argv = {Runfile("server/wxidentd"),
                                     "healthcheck",
                                     "--timeout=5s",
                                     "--addr",
                                     server_->addr(),
                                     "--tls-ca-file",
                                     dir_ + "/server-ca.pem"};
    if (!name.empty()) {
      argv.insert(argv.end(),
                  {"--tls-cert-file", absl::StrCat(dir_, "/", name, ".pem"),
                   "--tls-key-file", absl::StrCat(dir_, "/", name, ".key")});
    }
    Process process(std::move(argv));
    return process.Wait();
  }

  World world_;
  const std::string dir_ = world_.dir();
  std::unique_ptr<Wxidentd> server_;
};

TEST_F(TlsTest, OnlyCallersWithACertificateGetIn) {
  const grpc::Status known = LoginWith(Credentials("caller"), "anna");
  EXPECT_TRUE(known.ok()) << known.error_message();

  for (const auto& credentials :
       {Credentials(""), Credentials("stranger"),
        grpc::InsecureChannelCredentials(),
        // Certificates of the server's own CA are for servers.
        Credentials("grpc")}) {
    const grpc::Status status = LoginWith(credentials, "bob");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE)
        << status.error_message();
    EXPECT_EQ(ReasonOf(status), "");
  }
  // A caller that trusts another CA does not talk to this server.
  EXPECT_EQ(LoginWith(Credentials("caller", "foreign-ca"), "bob").error_code(),
            grpc::StatusCode::UNAVAILABLE);
  // One exchange: nothing of the refused ones came through.
  EXPECT_EQ(world_.sim().Calls("/sns/jscode2session"), 1);
}

TEST_F(TlsTest, HealthcheckSpeaksTls) {
  EXPECT_EQ(Healthcheck("caller"), 0);
  EXPECT_NE(Healthcheck(""), 0);
  EXPECT_NE(Healthcheck("stranger"), 0);
}

}  // namespace
}  // namespace wxident

#include "wxident/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "absl/strings/str_cat.h"
#include "wxident/error.h"
#include "wxident/fake.h"
#include "wxident/version.h"

namespace wxident::client {
namespace {

using ::testing::AllOf;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::StartsWith;

constexpr char kApp[] = "wx4f4bc4dec97d474b";

// An address where nobody listens, for as long as it lives.
class DeadAddress {
 public:
  DeadAddress() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket_, generic, size), 0);
    EXPECT_EQ(getsockname(socket_, generic, &size), 0);
    text_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }
  ~DeadAddress() { close(socket_); }
  const std::string& text() const { return text_; }

 private:
  const int socket_;
  std::string text_;
};

std::unique_ptr<Client> Open(const std::string& address) {
  ClientOptions options;
  options.address = address;
  options.insecure = true;
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

v1::LoginRequest LoginOf(FakeWxident& fake, const std::string& name) {
  v1::LoginRequest request;
  request.set_app_id(kApp);
  request.set_mini_program_code(fake.LoginCode(kApp, name));
  return request;
}

v1::ValidateSessionRequest ValidateOf(const std::string& token) {
  v1::ValidateSessionRequest request;
  request.set_session_token(token);
  return request;
}

absl::Status Refusal(const ClientOptions& options) {
  absl::Status status = Client::Create(options).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  return status;
}

TEST(CreateTest, PlainTextIsForLoopback) {
  ClientOptions options;
  options.insecure = true;
  for (const char* address :
       {"wxident:80", "10.0.0.1:80", "127.0.0.1:80,10.0.0.1:80",
        "127.0.0.1:80,no-such-host.invalid:80", "dns:///wxident:80",
        "[2001:db8::1]:80"}) {
    options.address = address;
    EXPECT_THAT(Refusal(options).message(),
                AllOf(HasSubstr("insecure (WXIDENT_CLIENT_INSECURE)"),
                      HasSubstr("loopback")));
  }
  for (const char* address : {"localhost:80", "[::1]:80", "127.9.9.9:80",
                              "dns:///localhost:80", "127.0.0.1:1,[::1]:2"}) {
    options.address = address;
    EXPECT_TRUE(Client::Create(options).ok()) << address;
  }
}

TEST(CreateTest, AddressIsRequired) {
  EXPECT_THAT(Refusal({}).message(),
              HasSubstr("address (WXIDENT_CLIENT_ADDR)"));
}

TEST(CreateTest, CertificateAndKeyBelongTogether) {
  ClientOptions options;
  options.address = "wxident:443";
  options.cert_file = "/etc/hostname";
  EXPECT_THAT(
      Refusal(options).message(),
      AllOf(HasSubstr(
                "WXIDENT_CLIENT_TLS_CERT_FILE, WXIDENT_CLIENT_TLS_KEY_FILE"),
            HasSubstr("both")));
}

TEST(CreateTest, AMissingFileIsNamed) {
  ClientOptions options;
  options.address = "wxident:443";
  options.ca_file = "/no/such/file";
  EXPECT_THAT(Refusal(options).message(),
              AllOf(HasSubstr("ca_file (WXIDENT_CLIENT_TLS_CA_FILE)"),
                    HasSubstr("/no/such/file")));
}

TEST(CreateTest, TheSystemsCasAreTheDefault) {
  ClientOptions options;
  options.address = "wxident:443";
  EXPECT_TRUE(Client::Create(options).ok());
}

class FromEnvTest : public testing::Test {
 protected:
  FromEnvTest() { Set({}); }
  ~FromEnvTest() override { Set({}); }

  static void Set(const std::map<std::string, std::string>& values) {
    for (const char* name :
         {"WXIDENT_CLIENT_ADDR", "WXIDENT_CLIENT_TLS_CA_FILE",
          "WXIDENT_CLIENT_TLS_CERT_FILE", "WXIDENT_CLIENT_TLS_KEY_FILE",
          "WXIDENT_CLIENT_TLS_SERVER_NAME", "WXIDENT_CLIENT_INSECURE"})
      unsetenv(name);
    for (const auto& [name, value] : values)
      setenv(name.c_str(), value.c_str(), 1);
  }
};

TEST_F(FromEnvTest, ReadsEachVariable) {
  Set({{"WXIDENT_CLIENT_ADDR", "a:1"},
       {"WXIDENT_CLIENT_TLS_CA_FILE", "ca"},
       {"WXIDENT_CLIENT_TLS_CERT_FILE", "cert"},
       {"WXIDENT_CLIENT_TLS_KEY_FILE", "key"},
       {"WXIDENT_CLIENT_TLS_SERVER_NAME", "name"},
       {"WXIDENT_CLIENT_INSECURE", "true"}});
  const auto options = ClientOptions::FromEnv();
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->address, "a:1");
  EXPECT_EQ(options->ca_file, "ca");
  EXPECT_EQ(options->cert_file, "cert");
  EXPECT_EQ(options->key_file, "key");
  EXPECT_EQ(options->server_name, "name");
  EXPECT_TRUE(options->insecure);
}

TEST_F(FromEnvTest, Insecure) {
  Set({{"WXIDENT_CLIENT_INSECURE", "false"}});
  EXPECT_FALSE(ClientOptions::FromEnv()->insecure);
  Set({{"WXIDENT_CLIENT_INSECURE", "yes"}});
  const absl::Status status = Client::FromEnv().status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.message(), HasSubstr("WXIDENT_CLIENT_INSECURE"));
}

TEST_F(FromEnvTest, AClientThatWorks) {
  FakeWxident fake;
  Set({{"WXIDENT_CLIENT_ADDR", fake.address()},
       {"WXIDENT_CLIENT_INSECURE", "true"}});
  const auto client = Client::FromEnv();
  ASSERT_TRUE(client.ok()) << client.status();
  const auto login = (*client)->Login(LoginOf(fake, "alice"));
  EXPECT_TRUE(login.ok()) << login.status();
}

TEST(ClientTest, EachCallHasItsDeadline) {
  FakeWxident fake;
  const auto client = fake.MakeClient();
  // gRPC rounds up what it sends.
  const auto expect = [&](const std::string& method, int seconds) {
    EXPECT_THAT(fake.LastDeadline(method),
                AllOf(Gt(absl::Seconds(seconds - 1)),
                      Le(absl::Seconds(seconds) + absl::Milliseconds(500))))
        << method;
  };
  (void)client->Login({});
  expect("Login", 5);
  (void)client->ValidateSession({});
  expect("ValidateSession", 2);
  (void)client->RefreshSession({});
  expect("RefreshSession", 2);
  (void)client->RevokeSession({});
  expect("RevokeSession", 2);
  (void)client->CheckSessionKey({});
  expect("CheckSessionKey", 5);
  (void)client->DecryptPhone({});
  expect("DecryptPhone", 5);
  (void)client->DecryptUserData({});
  expect("DecryptUserData", 5);
  (void)client->GetUserInfo({});
  expect("GetUserInfo", 5);
  (void)client->GetAccessToken({});
  expect("GetAccessToken", 5);
  (void)client->GetJsapiSignature({});
  expect("GetJsapiSignature", 5);
  (void)client->GetAuthorizeUrl({});
  expect("GetAuthorizeUrl", 2);
  (void)client->GetUser({});
  expect("GetUser", 2);
  (void)client->BatchGetUsers({});
  expect("BatchGetUsers", 3);
  v1::BatchGetUsersRequest followers;
  followers.set_refresh_followers(true);
  (void)client->BatchGetUsers(followers);
  expect("BatchGetUsers", 10);
  (void)client->GetUser({}, {.deadline = absl::Seconds(60)});
  expect("GetUser", 60);
}

TEST(ClientTest, TheClientsDeadline) {
  FakeWxident fake;
  ClientOptions options;
  options.address = fake.address();
  options.insecure = true;
  options.deadline = absl::Seconds(30);
  const auto client = *Client::Create(options);
  (void)client->GetUser({});
  EXPECT_GT(fake.LastDeadline("GetUser"), absl::Seconds(25));
  (void)client->GetUser({}, {.deadline = absl::Seconds(9)});
  EXPECT_LT(fake.LastDeadline("GetUser"), absl::Seconds(10));
}

TEST(ClientTest, ADeadlinePasses) {
  FakeWxident fake;
  const auto client = fake.MakeClient();
  fake.Hold("GetUser");
  const absl::Status status =
      client->GetUser({}, {.deadline = absl::Milliseconds(50)}).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_THAT(status.message(), HasSubstr("in time"));
}

TEST(ClientTest, UnavailableIsTriedThreeTimes) {
  FakeWxident fake;
  const auto client = fake.MakeClient();
  FakeWxident::Failure again;
  again.retry_in = absl::Milliseconds(1);
  for (int i = 0; i < 2; ++i)
    fake.FailNext("ValidateSession", v1::ERROR_REASON_STORE_UNAVAILABLE, again);
  EXPECT_TRUE(client->ValidateSession(ValidateOf("x")).ok());
  EXPECT_EQ(fake.Calls("ValidateSession"), 3);
  for (int i = 0; i < 3; ++i)
    fake.FailNext("ValidateSession", v1::ERROR_REASON_STORE_UNAVAILABLE, again);
  EXPECT_TRUE(Is(client->ValidateSession(ValidateOf("x")).status(),
                 v1::ERROR_REASON_STORE_UNAVAILABLE));
  EXPECT_EQ(fake.Calls("ValidateSession"), 6);
}

TEST(ClientTest, AnAuditLogMayBeBackSoon) {
  FakeWxident fake;
  fake.AddApp("wx1");
  const auto client = fake.MakeClient();
  FakeWxident::Failure again;
  again.retry_in = absl::Milliseconds(1);
  for (int i = 0; i < 2; ++i)
    fake.FailNext("GetAccessToken", v1::ERROR_REASON_AUDIT_UNAVAILABLE, again);
  v1::GetAccessTokenRequest request;
  request.set_app_id("wx1");
  EXPECT_TRUE(client->GetAccessToken(request).ok());
  EXPECT_EQ(fake.Calls("GetAccessToken"), 3);
}

TEST(ClientTest, TheServerMayForbidIt) {
  FakeWxident fake;
  const auto client = fake.MakeClient();
  fake.FailNext("Login", v1::ERROR_REASON_OUTCOME_UNKNOWN);
  EXPECT_TRUE(Is(client->Login(LoginOf(fake, "alice")).status(),
                 v1::ERROR_REASON_OUTCOME_UNKNOWN));
  EXPECT_EQ(fake.Calls("Login"), 1);
}

TEST(ClientTest, OthersAreNotRetried) {
  FakeWxident fake;
  const auto client = fake.MakeClient();
  FakeWxident::Failure again;
  again.retry_in = absl::Milliseconds(1);
  int calls = 0;
  for (const v1::ErrorReason reason :
       {v1::ERROR_REASON_OVERLOADED, v1::ERROR_REASON_CALLER_NOT_ALLOWED,
        v1::ERROR_REASON_CALLER_RATE_LIMITED,
        v1::ERROR_REASON_CALLER_UNAUTHENTICATED,
        v1::ERROR_REASON_SESSION_RATE_LIMITED}) {
    fake.FailNext("GetUser", reason, again);
    EXPECT_TRUE(Is(client->GetUser({}).status(), reason));
    EXPECT_EQ(fake.Calls("GetUser"), ++calls);
  }
}

TEST(ClientTest, SendsTheTraceContextAndItsName) {
  FakeWxident fake;
  ClientOptions options;
  options.address = fake.address();
  options.insecure = true;
  options.trace_context = [] {
    return TraceContext{
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1"};
  };
  const auto client = *Client::Create(options);
  (void)client->GetUser({});
  EXPECT_THAT(fake.LastMetadata("GetUser", "traceparent"),
              StartsWith("00-0af7651916cd"));
  EXPECT_EQ(fake.LastMetadata("GetUser", "tracestate"), "vendor=1");
  EXPECT_THAT(fake.LastMetadata("GetUser", "user-agent"),
              StartsWith(absl::StrCat("wxident-cpp/", kVersion)));
}

TEST(ClientTest, GoesRoundAllAddresses) {
  FakeWxident one, two;
  const auto client = Open(absl::StrCat(one.address(), ",", two.address()));
  const absl::Time end = absl::Now() + absl::Minutes(1);
  while (
      (one.Calls("ValidateSession") < 5 || two.Calls("ValidateSession") < 5) &&
      absl::Now() < end)
    EXPECT_TRUE(client->ValidateSession(ValidateOf("x")).ok());
  EXPECT_GE(one.Calls("ValidateSession"), 5);
  EXPECT_GE(two.Calls("ValidateSession"), 5);
}

TEST(ClientTest, OneOfTwoAddressesIsDead) {
  DeadAddress dead;
  FakeWxident live;
  const auto client = Open(absl::StrCat(dead.text(), ",", live.address()));
  for (int i = 0; i < 20; ++i) {
    const auto answer = client->ValidateSession(ValidateOf("x"));
    EXPECT_TRUE(answer.ok()) << answer.status();
  }
  EXPECT_EQ(live.Calls("ValidateSession"), 20);
}

TEST(ClientTest, OneOfTwoServersStops) {
  auto one = std::make_unique<FakeWxident>();
  FakeWxident two;
  const auto client = Open(absl::StrCat(one->address(), ",", two.address()));
  const absl::Time end = absl::Now() + absl::Minutes(1);
  while (one->Calls("ValidateSession") == 0 && absl::Now() < end)
    EXPECT_TRUE(client->ValidateSession(ValidateOf("x")).ok());
  one.reset();
  for (int i = 0; i < 20; ++i) {
    const auto answer = client->ValidateSession(ValidateOf("x"));
    EXPECT_TRUE(answer.ok()) << answer.status();
  }
}

TEST(ClientTest, WhoDoesNotServeIsLeftOut) {
  FakeWxident one, two;
  one.SetServing(false);
  const auto client = Open(absl::StrCat(one.address(), ",", two.address()));
  for (int i = 0; i < 20; ++i)
    EXPECT_TRUE(client->ValidateSession(ValidateOf("x")).ok());
  EXPECT_EQ(one.Calls("ValidateSession"), 0);
  // And comes back.
  one.SetServing(true);
  const absl::Time end = absl::Now() + absl::Minutes(1);
  while (one.Calls("ValidateSession") == 0 && absl::Now() < end)
    EXPECT_TRUE(client->ValidateSession(ValidateOf("x")).ok());
  EXPECT_GT(one.Calls("ValidateSession"), 0);
}

TEST(ClientTest, IPv6AndIPv4InOneList) {
  FakeWxident fake;
  // Nobody listens at [::1]; the other one is reached as a mapped address.
  DeadAddress dead;
  const std::string port = dead.text().substr(dead.text().rfind(':'));
  const auto client = Open(absl::StrCat("[::1]", port, ",", fake.address()));
  const auto answer = client->ValidateSession(ValidateOf("x"));
  EXPECT_TRUE(answer.ok()) << answer.status();
}

TEST(ClientTest, NobodyListens) {
  DeadAddress dead;
  const absl::Status status =
      Open(dead.text())->ValidateSession(ValidateOf("x")).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("check the address"));
}

}  // namespace
}  // namespace wxident::client

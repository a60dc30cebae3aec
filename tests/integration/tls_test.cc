// Who gets in over TLS, and as whom.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/integration/http_get.h"
#include "tests/integration/tls_world.h"

namespace wxident {
namespace {

using ::grpc::StatusCode;
using ::testing::HasSubstr;

constexpr char kOrders[] = "spiffe://corp/orders";

class TlsTest : public testing::Test {
 protected:
  // Login over a connection, with a code that WeChat does not know: who is let
  // in learns that from WeChat.
  grpc::Status LogIn(const std::shared_ptr<grpc::Channel>& channel,
                     grpc::ClientContext* context = nullptr) {
    const auto stub = v1::IdentityService::NewStub(channel);
    v1::LoginRequest request;
    request.set_app_id(kMiniProgram);
    request.set_mini_program_code("a-code-that-nobody-has");
    v1::LoginResponse response;
    return stub->Login(context != nullptr ? context : Within().get(), request,
                       &response);
  }

  bool IsLetIn(const grpc::Status& status) {
    return ReasonOf(status) == "LOGIN_CODE_INVALID";
  }

  // Calls that ended in anything but a refusal of their caller.
  int AdmittedCalls() {
    const std::string text =
        HttpGet(absl::StrCat("http://127.0.0.1:", server_.metrics_port(),
                             "/metrics"),
                absl::Seconds(20))
            .value_or("");
    EXPECT_THAT(text, HasSubstr("wxident_tls_not_after_timestamp_seconds"));
    int calls = 0;
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      if (!absl::StartsWith(line, "wxident_rpc_seconds_count{") ||
          absl::StrContains(line, "\"CALLER_"))
        continue;
      int count = 0;
      EXPECT_TRUE(absl::SimpleAtoi(line.substr(line.rfind(' ') + 1), &count));
      calls += count;
    }
    return calls;
  }

  TlsWorld world_;
  Wxidentd server_{world_, world_.Flags()};
  const TestCertificate orders_ = world_.NewCaller(kOrders);
};

TEST_F(TlsTest, NoBadCertificateReachesAHandler) {
  const TestCertificate foreign_ca = MakeTestCa("callers' CA");
  const auto signed_by = [](const TestCertificate& ca,
                            TestCertificateOptions options) {
    return MakeTestCertificate(options, &ca);
  };
  const TestCertificate revoked = world_.NewCaller(kOrders);
  world_.WriteRevoked({revoked});
  // So that the server has read the list.
  const TestCertificate next = world_.NewServer({.serial = 0x5e7});
  world_.WriteServer(next);
  server_.process().Signal(SIGHUP);
  ASSERT_TRUE(server_.process().WaitForLine("\"serial\":\"05e7\"").has_value());

  // A leaf that vouches for another, and shows itself as the CA between.
  TestCertificate forged = signed_by(orders_, {.uris = {kOrders}});
  forged.pem += orders_.pem;
  TestCertificate forged_ca =
      signed_by(MakeTestCertificate({.name = "middle"}, &world_.callers_ca),
                {.uris = {kOrders}});
  const TestCertificateOptions good = {.uris = {kOrders},
                                       .usage = "clientAuth"};
  TestCertificateOptions expired = good;
  expired.begins = -absl::Hours(2);
  expired.ends = -absl::Minutes(1);
  TestCertificateOptions early = good;
  early.begins = absl::Hours(1);
  TestCertificateOptions server_usage = good;
  server_usage.usage = "serverAuth";

  const TestCertificate& ca = world_.callers_ca;
  struct Case {
    const char* name;
    TestCertificate shown;
    // "": TLS itself refuses.
    const char* reason;
  };
  const std::vector<Case> cases = {
      {"of another CA with the same name", signed_by(foreign_ca, good), ""},
      {"of the servers' CA", signed_by(world_.server_ca, good), ""},
      {"expired", signed_by(ca, expired), ""},
      {"not yet valid", signed_by(ca, early), ""},
      {"self-signed", MakeTestCertificate(good), ""},
      {"for servers", signed_by(ca, server_usage), ""},
      {"vouched for by a caller", forged, ""},
      {"vouched for by nobody who is shown", forged_ca, ""},
      {"revoked", revoked, "CALLER_UNAUTHENTICATED"},
      {"without a URI",
       signed_by(ca, {.on_loopback = true, .usage = "clientAuth"}),
       "CALLER_UNAUTHENTICATED"},
      {"of a name alone", signed_by(ca, {.name = kOrders}),
       "CALLER_UNAUTHENTICATED"},
      {"of two URIs",
       signed_by(ca, {.uris = {kOrders, "spiffe://corp/reader"}}),
       "CALLER_UNAUTHENTICATED"},
      {"of a URI that goes on behind a NUL",
       signed_by(ca, {.uris = {std::string("spiffe://corp/orders\0.x", 23)}}),
       "CALLER_UNAUTHENTICATED"},
      {"that calls itself loopback", signed_by(ca, {.uris = {"loopback"}}),
       "CALLER_UNAUTHENTICATED"},
      {"of another trust domain",
       signed_by(ca, {.uris = {"spiffe://corp.example/orders"}}),
       "CALLER_NOT_ALLOWED"},
      {"of a URI with a path to the right one",
       signed_by(ca, {.uris = {"spiffe://corp/x/../orders"}}),
       "CALLER_NOT_ALLOWED"},
      {"of a caller without a row for the method",
       signed_by(ca, {.uris = {"spiffe://corp/reader"}}), "CALLER_NOT_ALLOWED"},
  };
  for (const Case& bad : cases) {
    SCOPED_TRACE(bad.name);
    const auto channel = world_.Connect(server_.addr(), bad.shown);
    const grpc::Status status = LogIn(channel);
    EXPECT_EQ(ReasonOf(status), bad.reason) << status.error_message();
    EXPECT_EQ(status.error_code(),
              *bad.reason == '\0' ? StatusCode::UNAVAILABLE
              : bad.reason == std::string("CALLER_NOT_ALLOWED")
                  ? StatusCode::PERMISSION_DENIED
                  : StatusCode::UNAUTHENTICATED);
    // Nor on the operators' listener.
    v1::ListAppsResponse apps;
    EXPECT_FALSE(v1::AdminService::NewStub(
                     world_.Connect(server_.admin_addr(), bad.shown))
                     ->ListApps(Within().get(), {}, &apps)
                     .ok());
  }
  for (const std::string& addr : {server_.addr(), server_.admin_addr()}) {
    EXPECT_EQ(
        LogIn(world_.Connect(addr, nullptr, world_.server_ca.pem)).error_code(),
        StatusCode::UNAVAILABLE);
    EXPECT_EQ(
        LogIn(grpc::CreateChannel(addr, grpc::InsecureChannelCredentials()))
            .error_code(),
        StatusCode::UNAVAILABLE);
  }
  EXPECT_EQ(AdmittedCalls(), 0);
  EXPECT_EQ(world_.sim().Calls("/sns/jscode2session"), 0);

  // And the good one does.
  EXPECT_TRUE(IsLetIn(LogIn(world_.Connect(server_.addr(), orders_))));
  EXPECT_EQ(AdmittedCalls(), 1);
  EXPECT_EQ(world_.sim().Calls("/sns/jscode2session"), 1);
  // A caller that trusts another CA does not talk to this server.
  EXPECT_EQ(LogIn(world_.Connect(server_.addr(), &orders_, foreign_ca.pem))
                .error_code(),
            StatusCode::UNAVAILABLE);
  EXPECT_EQ(AdmittedCalls(), 1);
}

TEST_F(TlsTest, AnIntermediateCaVouches) {
  const TestCertificate middle =
      MakeTestCertificate({.name = "middle", .ca = true}, &world_.callers_ca);
  TestCertificate caller = MakeTestCertificate({.uris = {kOrders}}, &middle);
  caller.pem += middle.pem;
  const auto channel = world_.Connect(server_.addr(), caller);
  EXPECT_TRUE(IsLetIn(LogIn(channel)));
  // Until it is revoked itself.
  world_.WriteRevoked({middle});
  server_.process().Signal(SIGHUP);
  const absl::Time end = absl::Now() + absl::Seconds(20);
  grpc::Status status;
  do status = LogIn(channel);
  while (IsLetIn(status) && absl::Now() < end);
  EXPECT_EQ(ReasonOf(status), "CALLER_UNAUTHENTICATED");
}

// Its caller need not send it, but it is looked at all the same.
TEST_F(TlsTest, ARevokedCaOfTheCasFileVouchesForNobody) {
  const TestCertificate middle =
      MakeTestCertificate({.name = "middle", .ca = true}, &world_.callers_ca);
  const TestCertificate caller =
      MakeTestCertificate({.uris = {kOrders}}, &middle);
  world_.WriteCallersCas({world_.callers_ca, middle});
  const auto let_in = [&] {
    return IsLetIn(LogIn(world_.Connect(server_.addr(), caller)));
  };
  const absl::Time end = absl::Now() + absl::Seconds(60);
  while (!let_in()) ASSERT_LT(absl::Now(), end);
  const auto channel = world_.Connect(server_.addr(), caller);
  EXPECT_TRUE(IsLetIn(LogIn(channel)));
  world_.WriteRevoked({middle});
  grpc::Status status;
  do status = LogIn(channel);
  while (IsLetIn(status) && absl::Now() < end);
  EXPECT_EQ(ReasonOf(status), "CALLER_UNAUTHENTICATED");
  EXPECT_TRUE(IsLetIn(LogIn(world_.Connect(server_.addr(), orders_))));
}

TEST_F(TlsTest, MetadataProvesNothing) {
  const TestCertificate reader = world_.NewCaller("spiffe://corp/reader");
  const TestCertificate nobody =
      MakeTestCertificate({.name = kOrders}, &world_.callers_ca);
  const std::vector<std::pair<std::string, std::string>> forged = {
      {"x-forwarded-client-cert",
       "Hash=00;Subject=\"CN=orders\";URI=spiffe://corp/orders"},
      {"x-caller", kOrders},
      {"x-spiffe-id", kOrders},
      {"x-client-cert", "-----BEGIN CERTIFICATE-----"},
      {"x-ssl-client-verify", "SUCCESS"},
      {"authorization", "Bearer spiffe://corp/orders"},
      {"forwarded", "for=127.0.0.1;by=spiffe://corp/orders"},
      {"x-forwarded-for", "127.0.0.1"},
      {"x-wxident-caller", kOrders},
      {"x509_uri", kOrders},
      {"peer_spiffe_id", kOrders},
  };
  // Each alone, and all at once.
  for (size_t only = 0; only <= forged.size(); ++only) {
    const auto call = [&](const TestCertificate& shown) {
      const auto context = Within();
      for (size_t i = 0; i < forged.size(); ++i)
        if (i == only || only == forged.size())
          context->AddMetadata(forged[i].first, forged[i].second);
      return LogIn(world_.Connect(server_.addr(), shown), context.get());
    };
    EXPECT_EQ(ReasonOf(call(nobody)), "CALLER_UNAUTHENTICATED");
    EXPECT_EQ(ReasonOf(call(reader)), "CALLER_NOT_ALLOWED");
    EXPECT_EQ(AdmittedCalls(), static_cast<int>(only));
    EXPECT_TRUE(IsLetIn(call(orders_)));
  }
  // Nor does it hide anything: who it was stands in the audit log.
  EXPECT_EQ(server_.Stop(), 0);
  int as_orders = 0;
  for (const nlohmann::json& line : world_.Calls())
    if (line["caller"] == kOrders) {
      ++as_orders;
      EXPECT_EQ(line["result"], "LOGIN_CODE_INVALID") << line;
    }
  EXPECT_EQ(as_orders, static_cast<int>(forged.size()) + 1);
}

TEST_F(TlsTest, ARevokedCallerIsRefusedOnItsLiveConnection) {
  const TestCertificate other = world_.NewCaller(kOrders);
  const auto channel = world_.Connect(server_.addr(), orders_);
  const auto other_channel = world_.Connect(server_.addr(), other);
  ASSERT_TRUE(IsLetIn(LogIn(channel)));
  ASSERT_TRUE(IsLetIn(LogIn(other_channel)));
  const auto watching = Within(absl::Seconds(30));
  v1::WatchAccessTokenRequest watch;
  watch.set_app_id(kMiniProgram);
  const auto stream = v1::IdentityService::NewStub(channel)->WatchAccessToken(
      watching.get(), watch);
  v1::WatchAccessTokenResponse token;
  ASSERT_TRUE(stream->Read(&token));

  world_.WriteRevoked({orders_});
  // No signal: the file is looked at. The stream ends when it is taken.
  EXPECT_FALSE(stream->Read(&token));
  EXPECT_EQ(ReasonOf(stream->Finish()), "CALLER_NOT_ALLOWED");
  const grpc::Status status = LogIn(channel);
  EXPECT_EQ(status.error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonOf(status), "CALLER_UNAUTHENTICATED");
  // It was the same connection, and only that caller was meant.
  EXPECT_EQ(channel->GetState(false), GRPC_CHANNEL_READY);
  EXPECT_TRUE(IsLetIn(LogIn(other_channel)));
}

TEST_F(TlsTest, SpeaksTls12AndNewerAlone) {
  world_.Write(world_.dir() + "/caller.crt", orders_.pem);
  world_.Write(world_.dir() + "/caller.key", orders_.key);
  world_.Write(world_.dir() + "/servers.crt", world_.server_ca.pem);
  const auto shake_hands = [&](const std::string& version) {
    Process openssl(
        {"/bin/sh", "-c",
         absl::StrCat("cd ", world_.dir(), " && openssl s_client -connect ",
                      server_.addr(), " ", version,
                      " -cipher ALL:@SECLEVEL=0 -alpn h2 -cert caller.crt "
                      "-key caller.key -CAfile servers.crt "
                      "-verify_return_error < /dev/null")});
    const int exit_code = openssl.Wait();
    return std::make_pair(exit_code, openssl.log());
  };
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    const auto [exit_code, log] = shake_hands(version);
    EXPECT_EQ(exit_code, 0) << log;
    EXPECT_THAT(log, HasSubstr("ALPN protocol: h2"));
  }
  for (const char* version : {"-tls1", "-tls1_1"}) {
    const size_t logged = server_.process().log().size();
    const auto [exit_code, log] = shake_hands(version);
    EXPECT_NE(exit_code, 0);
    // It is the server that refuses, not this openssl.
    EXPECT_TRUE(server_.process()
                    .WaitForLine("unsupported protocol", logged)
                    .has_value())
        << version << log;
    // The library's complaints are logged once a second.
    absl::SleepFor(absl::Milliseconds(1100));
  }
  const std::string log = server_.process().log();
  for (absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty()))
    EXPECT_TRUE(absl::StartsWith(line, "{\"ts\":")) << line;
}

TEST_F(TlsTest, TheOperatorsListenerAsksForTheSame) {
  v1::ListAppsResponse apps;
  const auto ask = [&](const TestCertificate& shown) {
    return v1::AdminService::NewStub(
               world_.Connect(server_.admin_addr(), shown))
        ->ListApps(Within().get(), {}, &apps);
  };
  const grpc::Status allowed = ask(world_.NewCaller("spiffe://corp/operator"));
  EXPECT_TRUE(allowed.ok()) << allowed.error_message();
  EXPECT_GT(apps.apps_size(), 0);
  EXPECT_EQ(ReasonOf(ask(orders_)), "CALLER_NOT_ALLOWED");
}

TEST_F(TlsTest, HealthcheckSpeaksTls) {
  world_.Write(world_.dir() + "/servers.crt", world_.server_ca.pem);
  world_.Write(world_.dir() + "/caller.crt", orders_.pem);
  world_.Write(world_.dir() + "/caller.key", orders_.key);
  const std::vector<std::string> without = {Runfile("server/wxidentd"),
                                            "healthcheck",
                                            "--timeout=3s",
                                            "--addr",
                                            server_.addr(),
                                            "--tls-ca-file",
                                            world_.dir() + "/servers.crt"};
  std::vector<std::string> with = without;
  with.insert(with.end(), {"--tls-cert-file", world_.dir() + "/caller.crt",
                           "--tls-key-file", world_.dir() + "/caller.key"});
  EXPECT_EQ(Process(with).Wait(), 0);
  EXPECT_NE(Process(without).Wait(), 0);
}

}  // namespace
}  // namespace wxident

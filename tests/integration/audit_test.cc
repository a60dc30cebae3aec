// The audit log of real processes: what it holds, and that it can be verified.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/audited_world.h"

namespace wxident {
namespace {

class AuditTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { suite_ = new AuditedWorld; }
  static void TearDownTestSuite() { delete suite_; }
  // Each test begins a log of its own.
  AuditTest() { std::filesystem::remove(world_.file); }

  v1::LoginResponse LogInWithPhone(Wxidentd& server, const std::string& user) {
    world_.sim().Call(
        "users",
        {{"app_id", kMiniProgram}, {"user", user}, {"phone", "13580006666"}});
    return LogIn(world_, server, user);
  }
  grpc::Status DecryptPhone(Wxidentd& server, const std::string& session_token,
                            const std::string& user) {
    v1::DecryptPhoneRequest request;
    request.set_session_token(session_token);
    request.set_phone_code(
        world_.sim()
            .Call("phone_code", {{"app_id", kMiniProgram}, {"user", user}})
            .at("code")
            .get<std::string>());
    v1::DecryptPhoneResponse response;
    return server.stub().DecryptPhone(Within().get(), request, &response);
  }
  static std::string GetAccessToken(Wxidentd& server,
                                    const std::string& app = kMiniProgram) {
    v1::GetAccessTokenRequest request;
    request.set_app_id(app);
    v1::GetAccessTokenResponse response;
    const grpc::Status status =
        server.stub().GetAccessToken(Within().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.access_token();
  }
  // The one line of a method.
  nlohmann::json CallOf(const std::string& method) {
    const std::vector<nlohmann::json> calls = world_.Calls(method);
    EXPECT_EQ(calls.size(), 1) << method;
    return calls.empty() ? nlohmann::json::object() : calls[0];
  }

  static AuditedWorld* suite_;
  AuditedWorld& world_ = *suite_;
};

AuditedWorld* AuditTest::suite_ = nullptr;

TEST_F(AuditTest, EachCallThatMattersHasItsLine) {
  Wxidentd server(world_, world_.Flags());
  const v1::LoginResponse login = LogInWithPhone(server, "ann");
  ASSERT_TRUE(DecryptPhone(server, login.session_token(), "ann").ok());
  const std::string token = GetAccessToken(server);
  {
    v1::WatchAccessTokenRequest request;
    request.set_app_id(kOfficialAccount);
    const auto context = Within();
    const auto stream = server.stub().WatchAccessToken(context.get(), request);
    v1::WatchAccessTokenResponse response;
    ASSERT_TRUE(stream->Read(&response));
    context->TryCancel();
    stream->Finish();
  }
  v1::RefreshSessionRequest refresh;
  refresh.set_session_token(login.session_token());
  v1::RefreshSessionResponse refreshed;
  ASSERT_TRUE(
      server.stub().RefreshSession(Within().get(), refresh, &refreshed).ok());
  v1::RevokeSessionRequest revoke;
  revoke.set_session_token(refreshed.session_token());
  v1::RevokeSessionResponse revoked;
  ASSERT_TRUE(
      server.stub().RevokeSession(Within().get(), revoke, &revoked).ok());
  v1::RefreshAccessTokenRequest forced;
  forced.set_app_id(kOrdinaryApp);
  v1::RefreshAccessTokenResponse fetched;
  ASSERT_TRUE(
      server.admin().RefreshAccessToken(Within().get(), forced, &fetched).ok());
  v1::ExportUserRequest export_one;
  export_one.set_user_id(login.user().user_id());
  v1::ExportUserResponse exported;
  ASSERT_TRUE(
      server.admin().ExportUser(Within().get(), export_one, &exported).ok());
  v1::EraseUserRequest erase;
  erase.set_user_id(login.user().user_id());
  v1::EraseUserResponse erased;
  ASSERT_TRUE(server.admin().EraseUser(Within().get(), erase, &erased).ok());
  // Failures have lines too, and what does not matter has none.
  EXPECT_EQ(ReasonOf(DecryptPhone(server, login.session_token(), "ann")),
            "SESSION_NOT_ACTIVE");
  EXPECT_FALSE(IsActive(server, login.session_token()));
  ASSERT_EQ(server.Stop(), 0);

  std::set<std::string> requests;
  for (const nlohmann::json& call : world_.Calls()) {
    EXPECT_EQ(call["caller"], "loopback");
    EXPECT_EQ(call["request_id"].get<std::string>().size(), 16);
    requests.insert(call["request_id"].get<std::string>());
    EXPECT_EQ(call["key_id"], call["result"] == "OK" ? 1 : 0) << call;
    EXPECT_NE(call["method"], "ValidateSession");
  }
  EXPECT_EQ(requests.size(), world_.Calls().size());
  const std::string subject = CallOf("Login")["subject"];
  EXPECT_EQ(subject.size(), 32);
  for (const char* method : {"Login", "RefreshSession", "RevokeSession"}) {
    const nlohmann::json call = CallOf(method);
    EXPECT_EQ(call["app"], kMiniProgram) << call;
    EXPECT_EQ(call["result"], "OK");
    EXPECT_EQ(call["subject"], subject) << call;
  }
  const std::vector<nlohmann::json> phones = world_.Calls("DecryptPhone");
  ASSERT_EQ(phones.size(), 2);
  EXPECT_EQ(phones[0]["app"], kMiniProgram);
  EXPECT_EQ(phones[0]["subject"], subject);
  EXPECT_EQ(phones[0]["result"], "OK");
  EXPECT_EQ(phones[1]["result"], "SESSION_NOT_ACTIVE");
  EXPECT_EQ(CallOf("GetAccessToken")["app"], kMiniProgram);
  EXPECT_EQ(CallOf("WatchAccessToken")["app"], kOfficialAccount);
  EXPECT_EQ(CallOf("RefreshAccessToken")["app"], kOrdinaryApp);
  EXPECT_EQ(CallOf("ExportUser")["result"], "OK");
  EXPECT_EQ(CallOf("EraseUser")["subject"], CallOf("ExportUser")["subject"]);

  // The world's end searches it for secrets; nobody's id is one of those.
  const std::string text = AuditedWorld::Text(world_.file);
  for (const std::string& hidden :
       {login.identity().openid(), login.identity().unionid(),
        login.user().user_id(), login.session_token(),
        refreshed.session_token(), token, std::string("13580006666")})
    EXPECT_FALSE(absl::StrContains(text, hidden)) << hidden;
  struct stat status {};
  ASSERT_EQ(stat(world_.file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600);

  const std::string head = HeadTold(server, "audit log closed");
  EXPECT_EQ(head.size(), 64);
  const AuditedWorld::Verdict verdict = world_.Verify({world_.file}, head);
  EXPECT_EQ(verdict.exit_code, 0) << verdict.text;
  EXPECT_TRUE(absl::StrContains(verdict.text, head));
}

TEST_F(AuditTest, VerifyTellsWhatItFound) {
  Wxidentd server(world_, world_.Flags());
  for (int i = 0; i < 5; ++i) GetAccessToken(server);
  ASSERT_EQ(server.Stop(), 0);
  const std::string head = HeadTold(server, "audit log closed");
  const std::string text = AuditedWorld::Text(world_.file);
  const auto verify_text = [&](std::string changed) {
    std::ofstream(world_.file, std::ios::binary) << changed;
    return world_.Verify({world_.file}, head);
  };
  std::string changed = text;
  changed.replace(changed.rfind("loopback"), 8, "somebody");
  AuditedWorld::Verdict verdict = verify_text(changed);
  EXPECT_EQ(verdict.exit_code, 1);
  EXPECT_TRUE(absl::StrContains(verdict.text, world_.file + ":6: changed"))
      << verdict.text;
  verdict = verify_text(text.substr(0, text.rfind("{\"time")));
  EXPECT_EQ(verdict.exit_code, 1);
  EXPECT_TRUE(absl::StrContains(verdict.text, "cut off")) << verdict.text;
  EXPECT_EQ(verify_text(text).exit_code, 0);
  EXPECT_EQ(world_.Verify({}).exit_code, 64);
  EXPECT_EQ(world_.Verify({world_.file}, "beef").exit_code, 64);
  EXPECT_EQ(world_.Verify({world_.dir() + "/absent"}).exit_code, 78);
  EXPECT_EQ(world_.Verify({world_.dir()}).exit_code, 78);
}

TEST_F(AuditTest, AFileHasOneServer) {
  Wxidentd server(world_, world_.Flags());
  const auto second = Wxidentd::Launch(world_, world_.Flags(), {});
  EXPECT_EQ(second->process().Wait(), 78);
  EXPECT_TRUE(absl::StrContains(second->process().log(), world_.file))
      << second->process().log();
  GetAccessToken(server);
  EXPECT_EQ(server.Stop(), 0);
  EXPECT_EQ(world_.Verify({world_.file}).exit_code, 0);
}

TEST_F(AuditTest, RotatedFilesJoin) {
  Wxidentd server(world_, world_.Flags());
  std::vector<std::string> files;
  for (int file = 1; file <= 3; ++file) {
    GetAccessToken(server);
    files.push_back(absl::StrCat(world_.file, ".", file, ".log"));
    std::filesystem::rename(world_.file, files.back());
    server.process().Signal(SIGHUP);
    while (!std::filesystem::exists(world_.file)) std::this_thread::yield();
    GetAccessToken(server);
    EXPECT_EQ(world_.Calls("GetAccessToken").size(), 1);
  }
  // Told in time, for whoever keeps it elsewhere.
  const std::string rotated = HeadTold(server, "audit log goes to a new file");
  ASSERT_EQ(server.Stop(), 0);
  files.push_back(world_.file);
  AuditedWorld::Verdict verdict = world_.Verify(files, rotated);
  EXPECT_EQ(verdict.exit_code, 0) << verdict.text;
  EXPECT_EQ(world_.Verify({files[2]}, rotated).exit_code, 0);
  EXPECT_EQ(world_.Verify({files[1], files[3]}).exit_code, 1);
  // A start goes on in the file that is there.
  Wxidentd next(world_, world_.Flags());
  EXPECT_EQ(HeadTold(next, "audit log opened"),
            HeadTold(server, "audit log closed"));
  GetAccessToken(next);
  ASSERT_EQ(next.Stop(), 0);
  verdict = world_.Verify(files, HeadTold(next, "audit log closed"));
  EXPECT_EQ(verdict.exit_code, 0) << verdict.text;
}

TEST_F(AuditTest, NoCrashBreaksTheChain) {
  constexpr int kCrashes = 8;
  constexpr int kCallers = 8;
  std::atomic<int64_t> answered{0};
  for (int crash = 0; crash <= kCrashes; ++crash) {
    Wxidentd server(world_, world_.Flags());
    GetAccessToken(server);
    ++answered;
    std::vector<std::thread> callers;
    for (int i = 0; i < kCallers; ++i)
      callers.emplace_back([&] {
        v1::GetAccessTokenRequest request;
        request.set_app_id(kMiniProgram);
        v1::GetAccessTokenResponse response;
        while (server.stub()
                   .GetAccessToken(Within().get(), request, &response)
                   .ok())
          ++answered;
      });
    const int64_t before = answered;
    while (answered < before + 300) std::this_thread::yield();
    if (crash < kCrashes)
      server.Kill();
    else
      EXPECT_EQ(server.Stop(), 0);
    for (std::thread& caller : callers) caller.join();
    const AuditedWorld::Verdict verdict = world_.Verify({world_.file});
    EXPECT_EQ(verdict.exit_code, 0) << verdict.text;
  }
  // Nobody got a token whose line is not there.
  EXPECT_GE(static_cast<int64_t>(world_.Calls("GetAccessToken").size()),
            answered);
}

}  // namespace
}  // namespace wxident

// What a server does that cannot write its audit log: a file-size limit stands
// for the full disk.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/audited_world.h"
#include "tests/integration/http_get.h"

namespace wxident {
namespace {

// WeChat's published sample (wechat-api 15.1) and whose it is.
nlohmann::json Sample() {
  std::ifstream file(Runfile("tests/vectors/open_data.json"));
  const nlohmann::json all = nlohmann::json::parse(file);
  for (const nlohmann::json& vector : all.at("open_data"))
    if (vector.at("name") == "official_profile") return vector;
  return nlohmann::json::object();
}

class AuditOutageTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { suite_ = new AuditedWorld; }
  static void TearDownTestSuite() { delete suite_; }
  // Each test begins a log of its own.
  AuditOutageTest() { std::filesystem::remove(world_.file); }

  // Everything that is called while the log cannot be written.
  struct Calls {
    v1::LoginResponse login;
    v1::DecryptPhoneResponse phone;
    v1::DecryptUserDataResponse data;
    v1::GetAccessTokenResponse token;
    v1::WatchAccessTokenResponse watched;
    v1::ExportUserResponse exported;
    grpc::Status phone_status, data_status, token_status, watch_status,
        export_status;
  };

  std::unique_ptr<Wxidentd> Start(const std::vector<std::string>& more = {}) {
    const nlohmann::json sample = Sample();
    world_.sim().Call("users", {{"app_id", kMiniProgram},
                                {"user", "band"},
                                {"openid", "oGZUI0egBJY1zhBYw2KhdUfwVJJE"},
                                {"session_key", sample.at("session_key")},
                                {"phone", "13580006666"}});
    auto server = std::make_unique<Wxidentd>(world_, world_.Flags(more));
    // What is handed out below is there already.
    const Calls calls = Call(*server);
    EXPECT_TRUE(calls.data_status.ok()) << calls.data_status.error_message();
    EXPECT_TRUE(AllPass(calls));
    // And so are their lines, also those that nobody waited for: Login, phone,
    // data, token, watched token, export.
    EXPECT_TRUE(Reaches(*server, "wxident_audit_lines_total", 6));
    return server;
  }

  Calls Call(Wxidentd& server) {
    Calls calls;
    calls.login = LogIn(world_, server, "band");
    EXPECT_TRUE(IsActive(server, calls.login.session_token()));
    v1::DecryptPhoneRequest phone;
    phone.set_session_token(calls.login.session_token());
    phone.set_phone_code(
        world_.sim()
            .Call("phone_code", {{"app_id", kMiniProgram}, {"user", "band"}})
            .at("code")
            .get<std::string>());
    calls.phone_status =
        server.stub().DecryptPhone(Within().get(), phone, &calls.phone);
    const nlohmann::json sample = Sample();
    v1::DecryptUserDataRequest data;
    data.set_session_token(calls.login.session_token());
    data.set_encrypted_data(sample.at("encrypted_data").get<std::string>());
    data.set_iv(sample.at("iv").get<std::string>());
    calls.data_status =
        server.stub().DecryptUserData(Within().get(), data, &calls.data);
    v1::GetAccessTokenRequest token;
    token.set_app_id(kMiniProgram);
    calls.token_status =
        server.stub().GetAccessToken(Within().get(), token, &calls.token);
    v1::WatchAccessTokenRequest watch;
    watch.set_app_id(kMiniProgram);
    const auto context = Within();
    const auto stream = server.stub().WatchAccessToken(context.get(), watch);
    if (stream->Read(&calls.watched)) context->TryCancel();
    calls.watch_status = stream->Finish();
    v1::ExportUserRequest export_one;
    export_one.set_user_id(calls.login.user().user_id());
    calls.export_status =
        server.admin().ExportUser(Within().get(), export_one, &calls.exported);
    return calls;
  }
  static bool AllPass(const Calls& calls) {
    return calls.phone_status.ok() && calls.data_status.ok() &&
           calls.token_status.ok() && calls.export_status.ok() &&
           calls.phone.phone().phone_number() == "13580006666" &&
           !calls.watched.access_token().empty();
  }

  // The file takes `room` bytes more.
  void Fill(Wxidentd& server, size_t room) {
    SetLimit(server, std::filesystem::file_size(world_.file) + room);
  }
  static void Empty(Wxidentd& server) { SetLimit(server, RLIM_INFINITY); }

  static std::string Metrics(Wxidentd& server) {
    return HttpGet(absl::StrCat("http://127.0.0.1:", server.metrics_port(),
                                "/metrics"),
                   absl::Seconds(10))
        .value_or("");
  }
  static int Metric(Wxidentd& server, const std::string& name) {
    const std::string text = Metrics(server);
    const size_t found = text.find("\n" + name + " ");
    return found == std::string::npos
               ? -1
               : std::stoi(text.substr(found + name.size() + 2));
  }

  static bool Reaches(Wxidentd& server, const std::string& name, int value) {
    const auto give_up =
        std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (Metric(server, name) < value) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::yield();
    }
    return true;
  }

  static AuditedWorld* suite_;
  AuditedWorld& world_ = *suite_;

 private:
  static void SetLimit(Wxidentd& server, rlim_t bytes) {
    rlimit limit{};
    ASSERT_EQ(prlimit(server.process().pid(), RLIMIT_FSIZE, nullptr, &limit),
              0);
    limit.rlim_cur = bytes;
    ASSERT_EQ(prlimit(server.process().pid(), RLIMIT_FSIZE, &limit, nullptr),
              0);
  }
};

AuditedWorld* AuditOutageTest::suite_ = nullptr;

TEST_F(AuditOutageTest, NothingSecretLeavesWhileTheLogCannotBeWritten) {
  const auto server = Start();
  // No room at all, and room for a part of a line.
  for (size_t room : {size_t{0}, size_t{100}}) {
    Fill(*server, room);
    // Logins and sessions go on: Call looks at them.
    const Calls calls = Call(*server);
    for (const grpc::Status* status :
         {&calls.phone_status, &calls.data_status, &calls.token_status,
          &calls.watch_status, &calls.export_status}) {
      EXPECT_EQ(status->error_code(), grpc::StatusCode::UNAVAILABLE);
      EXPECT_EQ(ReasonOf(*status), "AUDIT_UNAVAILABLE");
    }
    EXPECT_EQ(calls.phone.ByteSizeLong(), 0);
    EXPECT_EQ(calls.data.ByteSizeLong(), 0);
    EXPECT_EQ(calls.token.ByteSizeLong(), 0);
    EXPECT_EQ(calls.watched.ByteSizeLong(), 0);
    EXPECT_EQ(calls.exported.ByteSizeLong(), 0);

    Empty(*server);
    // With the first call: nobody has to wait for the log to see it.
    EXPECT_TRUE(AllPass(Call(*server)));
  }
  EXPECT_GE(Metric(*server, "wxident_audit_refused_total"), 10);
  EXPECT_GT(Metric(*server, "wxident_audit_dropped_total"), 0);
  ASSERT_EQ(server->Stop(), 0);
  const AuditedWorld::Verdict verdict =
      world_.Verify({world_.file}, HeadTold(*server, "audit log closed"));
  EXPECT_EQ(verdict.exit_code, 0) << verdict.text;
  EXPECT_TRUE(absl::StrContains(verdict.text, "could not be written"))
      << verdict.text;
}

TEST_F(AuditOutageTest, WhereItIsNotRequiredAllGoesOnAndIsCounted) {
  const auto server = Start({"--audit-required=false"});
  Fill(*server, 0);
  EXPECT_TRUE(AllPass(Call(*server)));
  // The same six, to nobody's delay.
  EXPECT_TRUE(Reaches(*server, "wxident_audit_dropped_total", 6));
  EXPECT_EQ(Metric(*server, "wxident_audit_dropped_total"), 6);
  EXPECT_EQ(Metric(*server, "wxident_audit_refused_total"), 0);
  Empty(*server);
  EXPECT_TRUE(AllPass(Call(*server)));
  ASSERT_EQ(server->Stop(), 0);
  const AuditedWorld::Verdict verdict = world_.Verify({world_.file});
  EXPECT_EQ(verdict.exit_code, 0) << verdict.text;
  EXPECT_TRUE(absl::StrContains(verdict.text, "note: 6 line(s)"))
      << verdict.text;
}

}  // namespace
}  // namespace wxident

// The key ring's file and the key commands, through real processes.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/cli/exit_codes.h"
#include "tests/integration/http_get.h"
#include "tests/integration/ring_file.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class KeyFilesTest : public testing::Test {
 protected:
  RunResult Serve() {
    return RunWxidentd({"serve", "--config", world_.config_file()});
  }
  RunResult Keys(const std::string& command,
                 std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"keys", command, "--ring-file", file()});
    return RunWxidentd(std::move(more));
  }
  RunResult Verify() {
    return Keys("verify", {"--config", world_.config_file()});
  }
  std::string file() const { return RingFile(world_); }

  static std::string ReasonOfDecrypt(Wxidentd& server,
                                     const std::string& session_token,
                                     const nlohmann::json& data) {
    v1::DecryptUserDataRequest request;
    request.set_session_token(session_token);
    request.set_encrypted_data(data.at("encrypted_data").get<std::string>());
    request.set_iv(data.at("iv").get<std::string>());
    v1::DecryptUserDataResponse response;
    const grpc::Status status =
        server.stub().DecryptUserData(Within().get(), request, &response);
    return status.ok()
               ? "OK"
               : absl::StrCat(status.error_code(), " ", ReasonOf(status));
  }
  nlohmann::json Encrypt(const std::string& user) {
    return world_.sim().Call("encrypt", {{"app_id", kMiniProgram},
                                         {"user", user},
                                         {"payload", {{"openGId", "g"}}}});
  }
  static std::string Metrics(const Wxidentd& server) {
    return HttpGet(absl::StrCat("http://127.0.0.1:", server.metrics_port(),
                                "/metrics"),
                   absl::Seconds(10))
        .value_or("");
  }

  World world_;
};

TEST_F(KeyFilesTest, ABadRingStartsNothing) {
  const std::string good = RingLine(world_, 1) + "\n";
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"empty", ""},
      {"short", "1 " + Base64Encode(std::string(31, 'x')) + "\n"},
      {"doubled id", good + RingLine(world_, 1, /*other=*/true) + "\n"},
      {"id 0", absl::StrCat("0 ", world_.secrets()[0], "\n")},
      {"bad base64", "1 CANARY*ring*key*\n"},
  };
  std::vector<std::pair<std::string, RunResult>> outcomes;
  for (const auto& [what, text] : bad) {
    WriteRing(world_, text);
    outcomes.emplace_back(what, Serve());
  }
  WriteRing(world_, good, 0644);
  outcomes.emplace_back("world-readable", Serve());
  std::filesystem::remove(file());
  outcomes.emplace_back("missing", Serve());
  std::filesystem::create_directory(file());
  outcomes.emplace_back("directory", Serve());
  EXPECT_EQ(outcomes.size(), 8u);
  for (const auto& [what, outcome] : outcomes) {
    EXPECT_EQ(outcome.code, kExitConfig) << what;
    EXPECT_TRUE(absl::StrContains(outcome.output, "keys.ring_file"))
        << what << ": " << outcome.output;
    EXPECT_FALSE(absl::StrContains(outcome.output, "listening")) << what;
    EXPECT_FALSE(absl::StrContains(outcome.output, "CANARY")) << what;
  }
}

TEST_F(KeyFilesTest, AnotherKeyUnderAKnownIdStartsNothing) {
  EXPECT_EQ(Wxidentd(world_).Stop(), 0);
  WriteRing(world_, RingLine(world_, 1, /*other=*/true) + "\n");
  const RunResult outcome = Serve();
  EXPECT_EQ(outcome.code, kExitConfig);
  EXPECT_TRUE(absl::StrContains(outcome.output, "another key under the id 1"))
      << outcome.output;
  EXPECT_FALSE(absl::StrContains(outcome.output, "listening"));
  const RunResult verified = Verify();
  EXPECT_EQ(verified.code, 1) << verified.output;
  EXPECT_TRUE(absl::StrContains(verified.output, "id 1")) << verified.output;
}

TEST_F(KeyFilesTest, ABadRingAtAReloadLeavesTheOldOne) {
  Wxidentd server(world_);
  const v1::LoginResponse login = LogIn(world_, server, "ann");
  const nlohmann::json data = Encrypt("ann");
  int failures = 0;
  for (const std::string& text : {std::string("1 CANARY*ring*key*\n"),
                                  RingLine(world_, 1, /*other=*/true) + "\n"}) {
    WriteRing(world_, text);
    v1::RotateKeysResponse response;
    const grpc::Status refused =
        server.admin().RotateKeys(Within().get(), {}, &response);
    EXPECT_EQ(ReasonOf(refused), "REQUEST_INVALID");
    server.process().Signal(SIGHUP);
    const std::string counted = absl::StrCat(
        "wxident_reload_failures_total{what=\"key_ring\"} ", ++failures);
    while (!absl::StrContains(Metrics(server), counted))
      std::this_thread::yield();
    EXPECT_EQ(ReasonOfDecrypt(server, login.session_token(), data), "OK");
  }
  EXPECT_EQ(server.Stop(), 0);
}

TEST_F(KeyFilesTest, ALostKeyFailsItsOwnRowsAlone) {
  Wxidentd before(world_);
  const v1::LoginResponse ann = LogIn(world_, before, "ann");
  const nlohmann::json anns = Encrypt("ann");
  WriteRing(world_, RingText(world_, {2, 1}));
  v1::RotateKeysResponse rotated;
  before.process().Signal(SIGHUP);
  ASSERT_TRUE(
      before.process().WaitForLine("\"sealing_key_id\":\"2\"").has_value());
  const v1::LoginResponse bob = LogIn(world_, before, "bob");
  const nlohmann::json bobs = Encrypt("bob");
  EXPECT_EQ(before.Stop(), 0);

  WriteRing(world_, RingText(world_, {2}));
  const RunResult verified = Verify();
  EXPECT_EQ(verified.code, 1);
  EXPECT_TRUE(absl::StrContains(verified.output, "the ring lacks it"))
      << verified.output;
  Wxidentd server(world_);
  EXPECT_TRUE(absl::StrContains(server.process().log(),
                                "keys are missing in the ring"));
  EXPECT_TRUE(absl::StrContains(Metrics(server), "wxident_key_ring_missing 1"));
  const std::string lost =
      absl::StrCat(grpc::StatusCode::DATA_LOSS, " KEY_UNAVAILABLE");
  EXPECT_EQ(ReasonOfDecrypt(server, ann.session_token(), anns), lost);
  EXPECT_EQ(ReasonOfDecrypt(server, bob.session_token(), bobs), "OK");
  EXPECT_TRUE(IsActive(server, ann.session_token()));
  // The app's token was under the lost key: a new one is fetched.
  v1::GetAccessTokenRequest token;
  token.set_app_id(kMiniProgram);
  v1::GetAccessTokenResponse fetched;
  EXPECT_TRUE(
      server.stub().GetAccessToken(Within().get(), token, &fetched).ok());
  // A new login brings what the old one lost.
  const v1::LoginResponse again = LogIn(world_, server, "ann");
  EXPECT_EQ(ReasonOfDecrypt(server, again.session_token(), anns), "OK");
  EXPECT_EQ(ReasonOfDecrypt(server, ann.session_token(), anns), "OK");
  EXPECT_EQ(server.Stop(), 0);
}

// An attacker who can write to the database exchanges two people's keys.
TEST_F(KeyFilesTest, AValueThatWasMovedIsDataLoss) {
  Wxidentd server(world_);
  const v1::LoginResponse ann = LogIn(world_, server, "ann");
  const v1::LoginResponse bob = LogIn(world_, server, "bob");
  const nlohmann::json anns = Encrypt("ann");
  world_.Query(
      "UPDATE session_keys SET session_key = (SELECT session_key FROM "
      "session_keys k WHERE k.openid <> session_keys.openid)");
  const std::string tampered =
      absl::StrCat(grpc::StatusCode::DATA_LOSS, " TAMPERED");
  EXPECT_EQ(ReasonOfDecrypt(server, ann.session_token(), anns), tampered);
  EXPECT_EQ(ReasonOfDecrypt(server, bob.session_token(), anns), tampered);
  EXPECT_EQ(server.Stop(), 0);
}

TEST_F(KeyFilesTest, TheCommandsTakeAKeyThroughItsLife) {
  Wxidentd server(world_);
  LogIn(world_, server, "ann");
  RunResult outcome = Keys("list");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.output, "key 1 seals\n");

  outcome = Keys("new");
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_EQ(Keys("list").output, "key 1 seals\nkey 2\n");
  struct stat info {};
  ASSERT_EQ(stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  server.process().Signal(SIGHUP);
  ASSERT_TRUE(server.process().WaitForLine("\"key_ids\":\"1,2\"").has_value());

  EXPECT_EQ(Keys("rotate").code, 0);
  EXPECT_EQ(Keys("list").output, "key 2 seals\nkey 1\n");
  server.process().Signal(SIGHUP);
  ASSERT_TRUE(server.process().WaitForLine("\"key_ids\":\"2,1\"").has_value());
  outcome = Verify();
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(absl::StrContains(outcome.output, "key 2: 0 values, seals"))
      << outcome.output;

  v1::RotateKeysResponse rotated;
  ASSERT_TRUE(server.admin().RotateKeys(Within().get(), {}, &rotated).ok());
  EXPECT_EQ(rotated.sealing_key_id(), 2u);
  ASSERT_TRUE(server.process().WaitForLine("resealing ends").has_value());
  outcome = Verify();
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(absl::StrContains(outcome.output, "key 1: 0 values; may be"))
      << outcome.output;

  // Its line is taken out; its id is not used again.
  std::string text = Contents(file());
  const std::string line = RingLine(world_, 1) + "\n";
  text.erase(text.find(line), line.size());
  WriteRing(world_, text);
  EXPECT_EQ(Keys("list").output, "key 2 seals\n");
  server.process().Signal(SIGHUP);
  ASSERT_TRUE(server.process().WaitForLine("\"key_ids\":\"2\"").has_value());
  EXPECT_TRUE(absl::StrContains(Metrics(server), "wxident_key_ring_missing 0"));
  EXPECT_EQ(Keys("new").code, 0);
  EXPECT_EQ(Keys("list").output, "key 2 seals\nkey 3\n");
  EXPECT_EQ(server.Stop(), 0);
}

TEST_F(KeyFilesTest, CommandsRefuseWhatTheyCannotUse) {
  EXPECT_EQ(RunWxidentd({"keys"}).code, kExitUsage);
  EXPECT_EQ(RunWxidentd({"keys", "list"}).code, kExitUsage);
  EXPECT_EQ(RunWxidentd({"keys", "lsit", "--ring-file", file()}).code,
            kExitUsage);
  EXPECT_EQ(Keys("list", {"--config", world_.config_file()}).code, kExitUsage);
  WriteRing(world_, RingText(world_, {1}), 0644);
  for (const char* command : {"new", "list", "rotate", "verify"})
    EXPECT_EQ(Keys(command).code, kExitConfig) << command;
  EXPECT_EQ(Contents(file()), RingText(world_, {1}));
  std::filesystem::remove(file());
  for (const char* command : {"list", "rotate", "verify"})
    EXPECT_EQ(Keys(command).code, kExitConfig) << command;
  EXPECT_FALSE(std::filesystem::exists(file()));
  // Only `new` makes one, and it can be used.
  EXPECT_EQ(Keys("new").code, 0);
  EXPECT_EQ(Keys("verify").code, 0);
  EXPECT_EQ(Keys("verify", {"--config", world_.config_file(),
                            "--database-url=postgresql://127.0.0.1:1/none"})
                .code,
            kExitUnavailable);
}

TEST_F(KeyFilesTest, EditorsAtOnceLoseNoKey) {
  std::vector<std::thread> editors;
  for (int i = 0; i < 8; ++i)
    editors.emplace_back([this] { EXPECT_EQ(Keys("new").code, 0); });
  for (std::thread& editor : editors) editor.join();
  EXPECT_EQ(Keys("list").output,
            "key 1 seals\nkey 2\nkey 3\nkey 4\nkey 5\nkey 6\nkey 7\nkey 8\n"
            "key 9\n");
}

TEST_F(KeyFilesTest, ACrashLeavesNothingToRead) {
  rlimit core{};
  getrlimit(RLIMIT_CORE, &core);
  core.rlim_cur = core.rlim_max;
  setrlimit(RLIMIT_CORE, &core);
  Wxidentd server(world_);
  const std::string proc = absl::StrCat("/proc/", server.process().pid());
  const std::string limits = Contents(proc + "/limits");
  const auto words = [&](const std::string& name) {
    const size_t at = limits.find(name);
    std::istringstream line(limits.substr(at + name.size()));
    std::string soft, hard;
    line >> soft >> hard;
    return soft + " " + hard;
  };
  EXPECT_EQ(words("Max core file size"), "0 0");
  const std::string files = words("Max open files");
  EXPECT_GE(std::stol(files),
            std::min(65536L, std::stol(files.substr(files.find(' ')))));
  server.process().Signal(SIGSEGV);
  EXPECT_NE(server.process().Wait(), 0);
  for (const auto& entry : std::filesystem::directory_iterator("."))
    EXPECT_FALSE(absl::StartsWith(entry.path().filename().string(), "core"))
        << entry.path();
}

}  // namespace
}  // namespace wxident

#include "server/app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/app/config_fixture.h"
#include "tests/crypto/test_ca.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(ConfigTest, ReadsWhatTheFileSaysAndDefaultsForTheRest) {
  absl::StatusOr<Config> config = Load(kGood);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->grpc.addr, "127.0.0.1:8443");
  EXPECT_FALSE(config->grpc.reflection);
  EXPECT_EQ(config->admin_addr, "");
  EXPECT_EQ(config->log_level, LogLevel::kInfo);
  EXPECT_EQ(config->database.workers, 8);
  EXPECT_EQ(config->database.queue_limit, 1024);
  EXPECT_TRUE(config->database.password.empty());
  EXPECT_THAT(
      config->wechat.base_urls,
      ElementsAre("https://api.weixin.qq.com", "https://api2.weixin.qq.com"));
  EXPECT_EQ(config->sessions.default_ttl, absl::Hours(24 * 7));
  EXPECT_EQ(config->sessions.max_age, absl::Hours(24 * 90));
  EXPECT_EQ(config->sessions.refresh_overlap, absl::Seconds(30));
  EXPECT_EQ(config->open_data_max_age, absl::Hours(24));
  EXPECT_EQ(config->shutdown.timeout, absl::Seconds(18));
  ASSERT_EQ(config->keys.ring.size(), 1);
  EXPECT_EQ(config->keys.ring[0].id, 2);
  ASSERT_EQ(config->keys.phone_index.size(), 1);

  ASSERT_EQ(config->apps.size(), 2);
  EXPECT_EQ(config->apps[0].kind, AppKind::kMiniProgram);
  EXPECT_EQ(config->apps[0].open_platform_account, "acme");
  EXPECT_EQ(config->apps[0].app_secret.Expose(), kAppSecret);
  EXPECT_EQ(config->apps[0].token_mode, TokenMode::kStable);
  EXPECT_EQ(config->apps[1].kind, AppKind::kOfficialAccount);
  EXPECT_EQ(config->apps[1].token_mode, TokenMode::kOrdinary);
  EXPECT_THAT(config->apps[0].redirect_hosts, ElementsAre());
  EXPECT_THAT(config->apps[1].redirect_hosts,
              ElementsAre("www.example.com", "localhost"));
  // Bound to no account: an account of its own.
  EXPECT_EQ(config->apps[1].open_platform_account, "wxfedcba9876543210");
}

TEST_F(ConfigTest, FlagBeatsVariableBeatsFileBeatsDefault) {
  ConfigSources sources;
  EXPECT_EQ(Load(Changed("workers: 8", "workers: 9"))->database.workers, 9);
  sources.variables["database.workers"] = "10";
  EXPECT_EQ(Load(kGood, sources)->database.workers, 10);
  sources.flags["database.workers"] = "11";
  EXPECT_EQ(Load(kGood, sources)->database.workers, 11);
  sources.flags["wechat.base_urls"] = "https://127.0.0.1:1,https://[::1]:2";
  EXPECT_THAT(Load(kGood, sources)->wechat.base_urls,
              ElementsAre("https://127.0.0.1:1", "https://[::1]:2"));
}

TEST_F(ConfigTest, ReadsThePasswordWithoutItsLineBreak) {
  const absl::StatusOr<Config> config =
      Load(Changed("database:", "database:\n  password_file: password"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->database.password.Expose(), kPassword);
}

TEST_F(ConfigTest, ZeroMaxAgeIsAnyAge) {
  const absl::StatusOr<Config> config =
      Load(absl::StrCat(kGood, "open_data: {max_age: 0}\n"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->open_data_max_age, absl::InfiniteDuration());
}

TEST_F(ConfigTest, NamesAllProblemsAtOnce) {
  std::string text = Changed("level: info", "levle: info");
  text = Changed("workers: 8", "workers: 0", text);
  text = Changed("kind: mini_program", "kind: other", text);
  const std::vector<std::string> problems = Problems(text);
  EXPECT_EQ(problems.size(), 3) << ::testing::PrintToString(problems);
}

TEST_F(ConfigTest, AFloodOfProblemsEnds) {
  std::string text = kGood;
  for (int section = 0; section < 5; ++section) {
    absl::StrAppend(&text, "section", section, ":\n");
    for (int i = 0; i < 90; ++i) absl::StrAppend(&text, "  key", i, ": 1\n");
  }
  EXPECT_EQ(Problems(text).size(), 101);
}

TEST_F(ConfigTest, TheFileItselfIsChecked) {
  EXPECT_THAT(LoadConfig({}).status().message(), HasSubstr("--config"));
  ConfigSources sources;
  sources.file = Path("absent.yaml");
  EXPECT_THAT(LoadConfig(sources).status().message(),
              HasSubstr("absent.yaml): cannot open the file"));
  EXPECT_THAT(Problems(absl::StrCat(kGood, "#", std::string(1 << 20, 'x'))),
              ElementsAre(HasSubstr("the file is over 1048576 bytes")));
  EXPECT_THAT(Problems("- a\n"),
              ElementsAre(HasSubstr("the file's top must be sections")));
  // Empty: what is required is missing, what TLS needs, and apps.
  EXPECT_EQ(Problems("").size(), 10);
}

TEST_F(ConfigTest, AliasBombsEndAtTheirFirstAnchor) {
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 100; ++i)
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [*a", i - 1, ", *a", i - 1,
                    "]\n");
  EXPECT_THAT(Problems(bomb), ElementsAre(HasSubstr("anchors")));
  EXPECT_THAT(Problems(std::string(500'000, '[')), Not(IsEmpty()));
  EXPECT_THAT(Problems(absl::StrCat("log: [", std::string(900'000, ','), "]")),
              Not(IsEmpty()));
}

TEST_F(ConfigTest, SecretFilesMustBeTheirOwnersAlone) {
  for (mode_t mode : {0640, 0604, 0620, 0610, 0601}) {
    Write("ring", kRing, mode);
    EXPECT_THAT(Problems(kGood),
                ElementsAre(::testing::AllOf(HasSubstr("keys.ring_file"),
                                             HasSubstr("chmod 600"))))
        << mode;
  }
  Write("ring", kRing, 0400);
  EXPECT_THAT(Problems(kGood), IsEmpty());

  chmod(Path("server.key").c_str(), 0644);
  EXPECT_THAT(Problems(Changed(kPlainText, kTls)),
              ElementsAre(HasSubstr("grpc.tls_key_file (line 33)")));
}

TEST_F(ConfigTest, SecretFilesMustHoldASecret) {
  for (const char* text : {"", "\n", "\r\n"}) {
    Write("secret", text);
    EXPECT_THAT(Problems(kGood),
                ElementsAre(HasSubstr("apps[0].secret_file (line 26): the "
                                      "secret's file: the file is empty"),
                            HasSubstr("apps[1].secret_file")));
  }
  Write("secret", std::string((64 << 10) + 1, 'x'));
  EXPECT_EQ(Problems(kGood).size(), 2);
}

TEST_F(ConfigTest, APipeDoesNotBlock) {
  unlink(Path("secret").c_str());
  ASSERT_EQ(mkfifo(Path("secret").c_str(), 0600), 0);
  EXPECT_THAT(Problems(kGood), ElementsAre(HasSubstr("not a regular file"),
                                           HasSubstr("not a regular file")));
}

TEST_F(ConfigTest, TheIndexHasOneKey) {
  Write("index", absl::StrCat(kIndex, "3 ",
                              "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8="));
  EXPECT_THAT(Problems(kGood), ElementsAre(HasSubstr("must hold one key")));
}

TEST_F(ConfigTest, TlsAllowsEveryAddress) {
  std::string text = Changed(kPlainText, kTls);
  text = Changed("addr: 127.0.0.1:8443", "addr: 0.0.0.0:8443", text);
  text = Changed("log:", "admin: {addr: '[::]:1'}\nlog:", text);
  const absl::StatusOr<Config> config = Load(text);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->grpc.insecure_loopback);
  EXPECT_EQ(config->grpc.tls_key_file, Path("server.key"));
  EXPECT_EQ(config->access.policy_file, Path("policy.yaml"));
  ASSERT_EQ(config->access.policy.allow.size(), 1);
  EXPECT_EQ(config->access.policy.allow[0].caller, "spiffe://corp/orders");
  EXPECT_EQ(config->audit.file, Path("audit.log"));
  EXPECT_EQ(config->audit.key.size(), 1);
  EXPECT_TRUE(config->audit.required);
  EXPECT_EQ(config->keys.ring_file, Path("ring"));
}

TEST_F(ConfigTest, WithoutPlainTextAllOfTlsIsRequired) {
  EXPECT_THAT(
      Problems(Changed(kPlainText, "")),
      ElementsAre(HasSubstr("grpc.tls_cert_file (default): is required"),
                  HasSubstr("grpc.tls_key_file"),
                  HasSubstr("grpc.tls_client_ca_file"),
                  HasSubstr("access.policy_file"), HasSubstr("audit.file"),
                  HasSubstr("audit.key_file")));
}

TEST_F(ConfigTest, TlsFilesMustFitTogether) {
  const std::string text =
      Changed(kPlainText, absl::StrCat(kTls,
                                       "grpc.tls_revocation_file: "
                                       "callers.crl\n"));
  EXPECT_THAT(Problems(text), IsEmpty());
  const TestCertificate other = MakeTestCa("other");
  Write("server.key", other.key);
  Write("callers.pem", other.pem, 0644);
  EXPECT_THAT(Problems(text),
              ElementsAre(HasSubstr("grpc.tls_key_file (line 33): the file "
                                    "holds another key"),
                          HasSubstr("grpc.tls_revocation_file (line 38)")));
}

TEST_F(ConfigTest, EachMistakeInAPolicyIsNamed) {
  Write("policy.yaml",
        "allow: [{caller: orders, methods: [Logn], apps: [\"*\"]}]", 0644);
  EXPECT_THAT(Problems(Changed(kPlainText, kTls)),
              ElementsAre(HasSubstr("access.policy_file (line 35)"),
                          HasSubstr("did you mean Login?")));
}

TEST_F(ConfigTest, TheAuditLogHasOneKey) {
  Write("audit-key",
        absl::StrCat(kAuditKey,
                     "2 QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=\n"));
  EXPECT_THAT(Problems(Changed(kPlainText, kTls)),
              ElementsAre(HasSubstr("audit.key_file (line 37): the file must "
                                    "hold one key")));
}

TEST_F(ConfigTest, PathsOfFlagsStartFromTheCurrentFolder) {
  ConfigSources sources;
  sources.flags["keys.ring_file"] = "ring";
  EXPECT_THAT(Problems(kGood, sources),
              ElementsAre(HasSubstr("keys.ring_file (--keys-ring-file)")));
  sources.flags["keys.ring_file"] = Path("ring");
  EXPECT_THAT(Problems(kGood, sources), IsEmpty());
}

}  // namespace
}  // namespace wxident

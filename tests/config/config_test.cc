#include "server/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/config/config_fixture.h"
#include "tests/tls/test_ca.h"

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

TEST_F(ConfigTest, NamesBalancersAndProxies) {
  const std::string tls = Changed(kPlainText, kTls);
  EXPECT_THAT(Load(tls)->grpc.proxy_protocol_from, IsEmpty());
  EXPECT_THAT(Load(tls)->grpc.forwarded_by, IsEmpty());
  const std::string named =
      Changed("reflection: false",
              "proxy_protocol_from: [192.0.2.1, 2001:db8::/32]\n"
              "  forwarded_by: ['spiffe://corp/gateway']",
              tls);
  EXPECT_THAT(Load(named)->grpc.proxy_protocol_from,
              ElementsAre("192.0.2.1", "2001:db8::/32"));
  EXPECT_THAT(Load(named)->grpc.forwarded_by,
              ElementsAre("spiffe://corp/gateway"));
  ConfigSources sources;
  sources.variables["grpc.proxy_protocol_from"] = "10.0.0.0/8";
  sources.flags["grpc.forwarded_by"] = "spiffe://corp/a,spiffe://corp/b";
  EXPECT_THAT(Load(named, sources)->grpc.proxy_protocol_from,
              ElementsAre("10.0.0.0/8"));
  EXPECT_THAT(Load(named, sources)->grpc.forwarded_by,
              ElementsAre("spiffe://corp/a", "spiffe://corp/b"));
  sources.variables["grpc.proxy_protocol_from"] = "";
  EXPECT_THAT(Load(named, sources)->grpc.proxy_protocol_from, IsEmpty());
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

TEST_F(ConfigTest, NobodyElseMayChangeWhatDecidesTrust) {
  const std::string url =
      absl::StrCat("postgresql://db.example/d?sslmode=verify-full&sslrootcert=",
                   Write("database.crt", MakeTestCa().pem, 0644));
  std::string text =
      Changed(kPlainText, absl::StrCat(kTls,
                                       "grpc.tls_revocation_file: "
                                       "callers.crl\n"));
  text = Changed("postgresql://wxident@127.0.0.1:5432/wxident", url, text);
  text = Changed("wechat:", "wechat:\n  ca_file: callers.pem", text);
  ASSERT_THAT(Problems(text), IsEmpty());
  for (const auto& [file, keys] :
       std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"server.pem", {"grpc.tls_cert_file"}},
           {"callers.pem", {"grpc.tls_client_ca_file", "wechat.ca_file"}},
           {"callers.crl", {"grpc.tls_revocation_file"}},
           {"policy.yaml", {"access.policy_file"}},
           {"database.crt", {"database.url"}}}) {
    chmod(Path(file).c_str(), 0666);
    const std::vector<std::string> problems = Problems(text);
    EXPECT_EQ(problems.size(), keys.size())
        << ::testing::PrintToString(problems);
    for (size_t i = 0; i < std::min(problems.size(), keys.size()); ++i)
      EXPECT_THAT(problems[i], ::testing::AllOf(::testing::StartsWith(keys[i]),
                                                HasSubstr("chmod o-w")));
    chmod(Path(file).c_str(), 0644);
  }
  EXPECT_THAT(Problems(text), IsEmpty());

  Write("open.yaml", kGood, 0646);
  ConfigSources sources;
  sources.file = Path("open.yaml");
  EXPECT_THAT(LoadConfig(sources).status().message(),
              ::testing::AllOf(HasSubstr("open.yaml): "),
                               HasSubstr("everybody may change")));
}

// As Kubernetes lays a volume out: the files are links to a folder that is a
// link itself, and is exchanged as a whole. Links are anybody's to read.
TEST_F(ConfigTest, FilesMayBeLinks) {
  Write("..1/ring", kRing, 0400);
  Write("..1/policy.yaml", kPolicy, 0444);
  for (const char* name : {"ring", "policy.yaml"}) {
    unlink(Path(name).c_str());
    ASSERT_EQ(
        symlink(absl::StrCat("..data/", name).c_str(), Path(name).c_str()), 0);
  }
  ASSERT_EQ(symlink("..1", Path("..data").c_str()), 0);
  const std::string text = Changed(kPlainText, kTls);
  EXPECT_THAT(Problems(text), IsEmpty());
  chmod(Path("..1/ring").c_str(), 0444);
  chmod(Path("..1/policy.yaml").c_str(), 0446);
  EXPECT_THAT(Problems(text), ElementsAre(HasSubstr("keys.ring_file"),
                                          HasSubstr("access.policy_file")));
}

TEST_F(ConfigTest, TheDatabaseMayBeHereOrProveItself) {
  for (const char* url :
       {"postgresql://u@localhost/d", "postgresql://u@[::1]:5432/d",
        "postgresql://u@127.0.0.1:1,[::1]:2/d", "postgresql:///d",
        "postgresql:///d?host=/run/postgresql",
        "postgresql://%2Frun%2Fpostgresql/d",
        "postgresql://db.example/d?hostaddr=127.0.0.1",
        "postgresql://u@db.example:5432/d?sslmode=verify-full",
        "postgresql://u@a.example:1,192.0.2.1:2/d?sslmode=verify-full"})
    EXPECT_THAT(Problems(Changed("postgresql://wxident@127.0.0.1:5432/wxident",
                                 absl::StrCat("'", url, "'"))),
                IsEmpty())
        << url;
}

TEST_F(ConfigTest, WarnsOfWhatCanHardlyBeMeant) {
  EXPECT_THAT(Load(kGood)->warnings, IsEmpty());
  ConfigSources sources;
  sources.service_variables = {"WXIDENT_PORT", "WXIDENT_SERVICE_HOST"};
  EXPECT_THAT(Load(kGood, sources)->warnings,
              ElementsAre(HasSubstr("WXIDENT_PORT: left alone"),
                          HasSubstr("WXIDENT_SERVICE_HOST: left alone")));
  Write("policy.yaml",
        "allow: [{caller: spiffe://corp/a, methods: [ListApps], apps: "
        "[wx0123456789abcdef]}]",
        0644);
  EXPECT_THAT(
      Load(Changed(kPlainText, kTls))->warnings,
      ElementsAre(HasSubstr("access.policy_file: allow[0] (spiffe://corp/a)"),
                  HasSubstr("access.policy_file: allow[0] (spiffe://corp/a)")));
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
  EXPECT_EQ(config->grpc.tls.key_file, Path("server.key"));
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

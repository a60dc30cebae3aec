#include "server/app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/app/config_keys.h"
#include "server/app/config_yaml.h"
#include "tests/crypto/test_ca.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Secrets that no error may repeat.
constexpr char kAppSecret[] = "c0ffee00c0ffee00c0ffee00c0ffee00";
constexpr char kPassword[] = "hunter2-canary";
constexpr char kRing[] = "2 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
constexpr char kIndex[] = "1 ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n";
constexpr char kAuditKey[] = "1 YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=\n";

constexpr char kGood[] = R"(grpc:
  addr: 127.0.0.1:8443
  reflection: false
log:
  level: info
database:
  url: postgresql://wxident@127.0.0.1:5432/wxident
  workers: 8
wechat:
  base_urls:
    - https://api.weixin.qq.com
    - https://api2.weixin.qq.com
sessions:
  default_ttl: 7d
  max_ttl: 30d
keys:
  ring_file: ring
  phone_index_file: index
shutdown:
  drain_delay: 5s
  timeout: 18s
apps:
  - app_id: wx0123456789abcdef
    kind: mini_program
    open_platform_account: acme
    secret_file: secret
  - app_id: wxfedcba9876543210
    kind: official_account
    secret_file: secret
    token_mode: ordinary
    redirect_hosts: [www.example.com, localhost]
grpc.insecure_loopback: true
)";

constexpr char kPlainText[] = "grpc.insecure_loopback: true\n";
constexpr char kTls[] = R"(grpc.tls_cert_file: server.pem
grpc.tls_key_file: server.key
grpc.tls_client_ca_file: callers.pem
access.policy_file: policy.yaml
audit.file: audit.log
audit.key_file: audit-key
)";
constexpr char kPolicy[] =
    "allow: [{caller: spiffe://corp/orders, methods: [Login], apps: [\"*\"]}]";

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        absl::StrCat(std::getenv("TEST_TMPDIR"), "/config-XXXXXX");
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    Write("ring", kRing);
    Write("index", kIndex);
    Write("secret", absl::StrCat(kAppSecret, "\n"));
    Write("password", absl::StrCat(kPassword, "\r\n"));
    Write("audit-key", kAuditKey);
    Write("policy.yaml", kPolicy, 0644);
    const TestCertificate ca = MakeTestCa();
    const TestCertificate server = MakeTestCertificate({}, &ca);
    Write("callers.pem", ca.pem, 0644);
    Write("callers.crl", MakeTestCrl(ca, {}), 0644);
    Write("server.pem", server.pem, 0644);
    Write("server.key", server.key);
  }

  std::string Path(const std::string& name) { return folder_ + "/" + name; }

  void Write(const std::string& name, absl::string_view text,
             mode_t mode = 0600) {
    for (size_t slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1))
      mkdir(Path(name.substr(0, slash)).c_str(), 0700);
    std::ofstream(Path(name), std::ios::binary) << text;
    ASSERT_EQ(chmod(Path(name).c_str(), mode), 0);
  }

  absl::StatusOr<Config> Load(absl::string_view text,
                              ConfigSources sources = {}) {
    Write("wxident.yaml", text);
    sources.file = Path("wxident.yaml");
    return LoadConfig(sources);
  }

  // What is wrong with `text`, each problem a line; none when it is good.
  std::vector<std::string> Problems(absl::string_view text,
                                    ConfigSources sources = {}) {
    const absl::StatusOr<Config> config = Load(text, std::move(sources));
    if (config.ok()) return {};
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
    const std::string message(config.status().message());
    for (absl::string_view secret :
         {absl::string_view(kAppSecret), absl::string_view(kPassword),
          absl::string_view(kRing).substr(2, 44),
          absl::string_view(kIndex).substr(2, 44),
          absl::string_view(kAuditKey).substr(2, 44)})
      EXPECT_THAT(message, Not(HasSubstr(std::string(secret))));
    return absl::StrSplit(message, '\n');
  }

  std::string folder_;
};

// `text` with its only `from` changed.
std::string Changed(absl::string_view from, absl::string_view to,
                    std::string text = kGood) {
  const size_t at = text.find(std::string(from));
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), std::string(to));
}

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

struct Refusal {
  const char* name;
  const char* from;
  const char* to;
  // The one problem that comes of it: how its line begins, and what it says.
  const char* key;
  const char* says;
};

class ConfigRefusalTest : public ConfigTest,
                          public ::testing::WithParamInterface<Refusal> {};

TEST_P(ConfigRefusalTest, NamesTheKey) {
  const Refusal& refusal = GetParam();
  const std::vector<std::string> problems =
      Problems(Changed(refusal.from, refusal.to));
  ASSERT_EQ(problems.size(), 1) << ::testing::PrintToString(problems);
  EXPECT_THAT(problems[0], ::testing::StartsWith(refusal.key));
  EXPECT_THAT(problems[0], HasSubstr(refusal.says));
}

constexpr char kUrl[] = "postgresql://wxident@127.0.0.1:5432/wxident";
constexpr char kHost[] = "https://api.weixin.qq.com";

const Refusal kRefusals[] = {
    // Keys.
    {"UnknownKey", "level: info", "levle: info", "log.levle (line 5)",
     "did you mean log.level?"},
    {"UnknownSection", "log:\n  level", "lgo:\n  level", "lgo.level (line 5)",
     "did you mean log.level?"},
    {"UnknownKeyNearNothing", "log:", "zebra: 1\nlog:", "zebra (line 4)",
     "unknown key"},
    {"KeyTwiceInSection", "level: info", "level: info\n  level: error",
     "config file", "line 6: has a key that stands twice"},
    {"KeyTwiceInTwoForms",
     "log:", "log.level: error\nlog:", "log.level (line 6)", "stands twice"},
    {"SectionIsValue", "log:\n  level: info", "log: info", "log (line 4)",
     "is a section"},
    {"KeyIsSection", "level: info", "level: {a: b}", "log.level (line 5)",
     "not a section"},
    {"KeyWithoutValue", "level: info", "level:", "log.level (line 5)",
     "has no value"},
    {"RequiredKeyMissing", "ring_file: ring\n  ", "", "keys.ring_file",
     "is required"},
    {"UnknownAppKey", "token_mode:", "token_made:",
     "apps[1].token_made (line 30)", "did you mean token_mode?"},
    // Types.
    {"BoolInQuotes", "reflection: false", "reflection: 'false'",
     "grpc.reflection", "true or false"},
    {"BoolOfAnotherWord", "reflection: false", "reflection: no",
     "grpc.reflection", "true or false"},
    {"NumberIsText", "workers: 8", "workers: eight", "database.workers",
     "from 1 to 64"},
    {"NumberInQuotes", "workers: 8", "workers: \"8\"", "database.workers",
     "without quotes"},
    {"NumberIsList", "workers: 8", "workers: [8]", "database.workers",
     "whole number"},
    {"NumberTooSmall", "workers: 8", "workers: 0", "database.workers",
     "from 1 to 64"},
    {"NumberTooBig", "workers: 8", "workers: 65", "database.workers",
     "from 1 to 64"},
    {"NumberOverflows", "workers: 8", "workers: 99999999999999999999",
     "database.workers", "from 1 to 64"},
    {"NumberNegative", "workers: 8", "workers: -8", "database.workers",
     "from 1 to 64"},
    {"TextIsList", kUrl, "[a, b]", "database.url", "not a list"},
    {"ListIsText",
     "\n    - https://api.weixin.qq.com\n    - https://api2.weixin.qq.com",
     " https://api.weixin.qq.com", "wechat.base_urls", "must be a list"},
    {"ListOfLists", "- https://api.weixin.qq.com",
     "- [https://api.weixin.qq.com]", "wechat.base_urls", "plain values"},
    {"DurationWithoutUnit", "default_ttl: 7d", "default_ttl: 7",
     "sessions.default_ttl", "like 30s"},
    {"DurationOfUnknownUnit", "default_ttl: 7d", "default_ttl: 1w",
     "sessions.default_ttl", "like 30s"},
    {"DurationTooShort", "default_ttl: 7d", "default_ttl: 59s",
     "sessions.default_ttl", "from 1m to 365d"},
    {"DurationTooLong", "max_ttl: 30d", "max_ttl: 366d", "sessions.max_ttl",
     "from 1m to 365d"},
    {"DurationHuge", "max_ttl: 30d", "max_ttl: 9999999999d", "sessions.max_ttl",
     "like 30s"},
    {"AgeTooShort", "max_ttl: 30d", "max_age: 59s", "sessions.max_age",
     "from 1m to 3650d"},
    {"AgeTooLong", "max_ttl: 30d", "max_age: 3651d", "sessions.max_age",
     "from 1m to 3650d"},
    {"OverlapTooShort", "max_ttl: 30d", "refresh_overlap: 999ms",
     "sessions.refresh_overlap", "from 1s to 10m"},
    {"OverlapTooLong", "max_ttl: 30d", "refresh_overlap: 601s",
     "sessions.refresh_overlap", "from 1s to 10m"},
    {"UnknownLevel", "level: info", "level: INFO", "log.level",
     "debug, info, warning or error"},
    // Together.
    {"DefaultTtlOverMax", "max_ttl: 30d", "max_ttl: 6d", "sessions.default_ttl",
     "sessions.max_ttl"},
    {"ShutdownTooLong", "timeout: 18s", "timeout: 21s", "shutdown.timeout",
     "at most 25s"},
    {"PlainTextForAll", "addr: 127.0.0.1:8443", "addr: 0.0.0.0:8443",
     "grpc.addr (line 2)", "must be a loopback address"},
    {"PlainTextForAllIpv6", "addr: 127.0.0.1:8443", "addr: '[::]:8443'",
     "grpc.addr", "must be a loopback address"},
    {"PlainTextByName", "addr: 127.0.0.1:8443", "addr: example.com:8443",
     "grpc.addr", "must be a loopback address"},
    {"PlainTextWithCert", "reflection: false", "tls_cert_file: server.pem",
     "grpc.tls_cert_file (line 3)", "remove one of them"},
    {"PlainTextWithKey", "reflection: false", "tls_key_file: server.key",
     "grpc.tls_key_file (line 3)", "remove one of them"},
    {"PlainTextWithCa", "reflection: false", "tls_client_ca_file: callers.pem",
     "grpc.tls_client_ca_file (line 3)", "remove one of them"},
    {"PlainTextWithCrl", "reflection: false",
     "tls_revocation_file: callers.crl", "grpc.tls_revocation_file (line 3)",
     "remove one of them"},
    {"AuditWithoutKey",
     "log:", "audit: {file: audit.log}\nlog:", "audit.key_file", "set both"},
    {"AuditKeyWithoutFile",
     "log:", "audit: {key_file: audit-key}\nlog:", "audit.file", "set both"},
    {"AuditKeyIsTheRings",
     "log:", "audit: {file: audit.log, key_file: ring}\nlog:",
     "audit.key_file (line 4)", "a key of keys.ring_file"},
    {"AuditKeyIsTheIndexs",
     "log:", "audit: {file: audit.log, key_file: index}\nlog:",
     "audit.key_file (line 4)", "keys.phone_index_file; make a new one"},
    {"AuditFileIsFolder", "log:", "audit: {file: ., key_file: audit-key}\nlog:",
     "audit.file (line 4)", "is a folder"},
    {"AuditFileInNoFolder",
     "log:", "audit: {file: nowhere/audit.log, key_file: audit-key}\nlog:",
     "audit.file (line 4)", "cannot write the file"},
    {"PolicyFileMissing", "log:", "access: {policy_file: nowhere.yaml}\nlog:",
     "access.policy_file (line 4)", "nowhere.yaml: cannot open the file"},
    {"PolicyFileIsNoPolicy", "log:", "access: {policy_file: index}\nlog:",
     "access.policy_file (line 4)", "index: "},
    {"AdminForAll", "log:", "admin: {addr: '0.0.0.0:1'}\nlog:",
     "admin.addr (line 4)", "loopback"},
    // Hosts that people are sent back to.
    {"RedirectHostIsText", "[www.example.com, localhost]", "www.example.com",
     "apps[1].redirect_hosts (line 31)", "must be a list"},
    {"RedirectHostsEmpty", "[www.example.com, localhost]", "[]",
     "apps[1].redirect_hosts", "1 to 16"},
    {"RedirectHostsTooMany", "[www.example.com, localhost]",
     "[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q]",
     "apps[1].redirect_hosts", "1 to 16"},
    {"RedirectHostTwice", "localhost]", "www.example.com]",
     "apps[1].redirect_hosts", "item 2 stands there twice"},
    {"RedirectHostUpper", "localhost]", "WWW.example.com]",
     "apps[1].redirect_hosts", "item 2 must be a host name alone"},
    {"RedirectHostWithScheme", "localhost]", "'https://example.com']",
     "apps[1].redirect_hosts", "item 2 must be a host name alone"},
    {"RedirectHostIsNull", "localhost]", "~]", "apps[1].redirect_hosts",
     "item 2 must be a host name alone"},
    // Addresses and URLs.
    {"AddrWithoutPort", "addr: 127.0.0.1:8443", "addr: 127.0.0.1", "grpc.addr",
     "host:port"},
    {"AddrOfHighPort", "addr: 127.0.0.1:8443", "addr: 127.0.0.1:65536",
     "grpc.addr", "host:port"},
    {"AddrEmpty", "addr: 127.0.0.1:8443", "addr: ''", "grpc.addr",
     "must not be empty"},
    {"HttpUrl", kHost, "http://api.weixin.qq.com", "wechat.base_urls (line 10)",
     "item 1 must begin with https://"},
    {"UserinfoInUrl", kHost, "https://u:hunter2-canary@api.weixin.qq.com",
     "wechat.base_urls", "user information"},
    {"PathInUrl", kHost, "https://api.weixin.qq.com/sns", "wechat.base_urls",
     "path"},
    {"MetadataUrl", kHost, "https://169.254.169.254", "wechat.base_urls",
     "metadata"},
    {"MetadataUrlIpv6", kHost, "'https://[fd00:ec2::254]:443'",
     "wechat.base_urls", "metadata"},
    {"MetadataUrlMapped", kHost, "'https://[::ffff:169.254.169.254]'",
     "wechat.base_urls", "metadata"},
    {"MetadataUrlAsNumber", kHost, "https://2852039166", "wechat.base_urls",
     "unusual form"},
    {"MetadataUrlInHex", kHost, "https://0xa9fea9fe:443", "wechat.base_urls",
     "unusual form"},
    {"MetadataUrlByName", kHost, "https://metadata.google.internal",
     "wechat.base_urls", "metadata"},
    {"UrlTwice", kHost, "https://api2.weixin.qq.com", "wechat.base_urls",
     "item 2 stands there twice"},
    {"NoUrls",
     "\n    - https://api.weixin.qq.com\n    - https://api2.weixin.qq.com",
     " []", "wechat.base_urls", "1 to 8"},
    {"PasswordInUrl", kUrl, "postgresql://u:hunter2-canary@h/d",
     "database.url (line 7)", "database.password_file"},
    {"PasswordWithSlashInUrl", kUrl, "postgresql://u:hunter2-canary/x@h/d",
     "database.url", "database.password_file"},
    {"PasswordInQuery", kUrl, "postgresql://h/d?password=hunter2-canary",
     "database.url", "database.password_file"},
    {"PasswordInEscapedQuery", kUrl,
     "postgresql://h/d?a=b&%70assword=hunter2-canary", "database.url",
     "database.password_file"},
    {"UrlAsKeywords", kUrl, "host=h password=hunter2-canary", "database.url",
     "must be a connection URI"},
    // Files.
    {"SecretFileMissing", "ring_file: ring",
     "ring_file: c0ffee00c0ffee00c0ffee00c0ffee00", "keys.ring_file (line 17)",
     "cannot open the file"},
    {"SecretFileIsFolder", "ring_file: ring", "ring_file: .", "keys.ring_file",
     "not a regular file"},
    {"RingIsNoRing", "ring_file: ring", "ring_file: secret", "keys.ring_file",
     "line 1"},
    {"IndexIsTheRing", "phone_index_file: index", "phone_index_file: ring",
     "keys.phone_index_file", "a key of keys.ring_file"},
    {"CaFileMissing", "wechat:", "wechat:\n  ca_file: nowhere.crt",
     "wechat.ca_file", "/nowhere.crt: cannot open the file"},
    // Apps.
    {"AppIdTooShort", "wx0123456789abcdef", "wx0123456789abcde",
     "apps[0].app_id (line 23)", "16 lower-case hexadecimal"},
    {"AppIdUpperCase", "wx0123456789abcdef", "wx0123456789ABCDEF",
     "apps[0].app_id", "16 lower-case hexadecimal"},
    {"AppIdIsTheSecret", "wx0123456789abcdef",
     "c0ffee00c0ffee00c0ffee00c0ffee00", "apps[0].app_id", "hexadecimal"},
    {"AppTwice", "wxfedcba9876543210", "wx0123456789abcdef",
     "apps[1].app_id (line 27)", "an earlier app"},
    {"AppOfUnknownKind", "kind: mini_program", "kind: miniprogram",
     "apps[0].kind (line 24)", "mini_program, official_account"},
    {"AppWithoutKind", "    kind: mini_program\n", "", "apps[0].kind",
     "is missing"},
    {"AppOfUnknownMode", "token_mode: ordinary", "token_mode: other",
     "apps[1].token_mode", "stable or ordinary"},
    {"AccountLooksLikeAppId", "acme", "wxfedcba9876543210",
     "apps[0].open_platform_account", "like an app id"},
    {"AccountOfOddCharacters", "acme", "'acme corp'",
     "apps[0].open_platform_account", "letters, digits"},
    {"AppSecretMissing", "secret_file: secret\n  -", "secret_file: gone\n  -",
     "apps[0].secret_file (line 26)", "cannot open the file"},
    {"AppSecretOfTwoLines", "secret_file: secret\n  -",
     "secret_file: wxident.yaml\n  -", "apps[0].secret_file",
     "the AppSecret alone"},
    // YAML.
    {"NotYaml", "level: info", "level: [hunter2-canary", "config file",
     "is not YAML"},
    {"Alias", "level: info", "level: *hunter2-canary", "config file", "line 5"},
    {"Anchor", "level: info", "level: &a info", "config file",
     "line 5: anchors"},
    {"Tag", "level: info", "level: !!str info", "config file", "line 5: tags"},
    {"MergeKey", "log:", "log: &x\n", "config file", "anchors"},
    {"TwoDocuments", "log:", "---\nlog:", "config file", "one document"},
    {"TooDeep", "level: info", "level: [[[[a]]]]", "config file",
     "nested deeper"},
    {"ControlCharacter", "level: info", "level: \"in\\x01fo\"", "config file",
     "control character"},
};

INSTANTIATE_TEST_SUITE_P(All, ConfigRefusalTest, ::testing::ValuesIn(kRefusals),
                         [](const auto& info) { return info.param.name; });

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

// Arguments and variables.

TEST(ReadConfigSourcesTest, SortsFlagsAndVariables) {
  const absl::StatusOr<ConfigSources> sources = ReadConfigSources(
      {"--config=a.yaml", "--grpc-addr", "localhost:1",
       "--wechat-base-urls=https://a,https://b"},
      {"WXIDENT_CONFIG=b.yaml", "WXIDENT_LOG_LEVEL=debug", "HOME=/root",
       "WXIDENT_TOOLS_DIR=/x", "WXIDENTITY=other"});
  ASSERT_TRUE(sources.ok()) << sources.status();
  EXPECT_EQ(sources->file, "a.yaml");
  EXPECT_THAT(
      sources->flags,
      ElementsAre(::testing::Pair("grpc.addr", "localhost:1"),
                  ::testing::Pair("wechat.base_urls", "https://a,https://b")));
  EXPECT_THAT(sources->variables,
              ElementsAre(::testing::Pair("log.level", "debug")));
  EXPECT_EQ(ReadConfigSources({}, {"WXIDENT_CONFIG=b.yaml"})->file, "b.yaml");
}

TEST(ReadConfigSourcesTest, NamesAllThatItDoesNotKnow) {
  const absl::Status status =
      ReadConfigSources({"--grcp-addr=x", "hunter2-canary", "--log-level",
                         "--metrics-addr=a", "--metrics-addr=b"},
                        {"WXIDENT_GRPC_ADR=x", "WXIDENT_APPS=x"})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::vector<std::string> lines = absl::StrSplit(status.message(), '\n');
  EXPECT_THAT(
      lines,
      ElementsAre("--grcp-addr: unknown flag; did you mean --grpc-addr?",
                  ::testing::StartsWith("argument 2: not a flag"),
                  "--log-level: needs a value: --log-level=VALUE",
                  "--metrics-addr: given twice",
                  "WXIDENT_GRPC_ADR: unknown variable; did you mean "
                  "WXIDENT_GRPC_ADDR?",
                  ::testing::StartsWith("WXIDENT_APPS: unknown variable")));
}

TEST(ConfigHelpTest, TellsEachKeyWithFlagVariableAndDefault) {
  const std::string help = ConfigHelp();
  for (const ConfigKey& key : ConfigKeys()) {
    EXPECT_THAT(help, HasSubstr(absl::StrCat("  ", FlagOf(key.name), " ")));
    EXPECT_THAT(help, HasSubstr(VariableOf(key.name)));
  }
  for (const AppKey& key : AppKeys())
    EXPECT_THAT(help, HasSubstr(absl::StrCat("  ", key.name, "\n")));
  EXPECT_THAT(help, HasSubstr("Default: 8 connections. From 1 to 64."));
}

TEST(ConfigKeysTest, NoTwoKeysShareAFlagOrVariable) {
  std::set<std::string> names;
  for (const ConfigKey& key : ConfigKeys()) {
    EXPECT_TRUE(names.insert(FlagOf(key.name)).second) << key.name;
    EXPECT_TRUE(names.insert(VariableOf(key.name)).second) << key.name;
  }
}

// docs/config.example.yaml.

std::string Example() {
  std::ifstream in("docs/config.example.yaml");
  std::ostringstream out;
  out << in.rdbuf();
  EXPECT_NE(out.str(), "");
  return out.str();
}

// With all that is commented out ("#key: value") taken in.
std::string WholeExample() {
  return std::regex_replace(Example(), std::regex("\n( *)#([a-z])"), "\n$1$2");
}

void Flatten(const std::string& prefix, const YamlNode& node,
             std::map<std::string, std::string>& out) {
  for (size_t i = 0; i < node.names.size(); ++i) {
    const std::string name = prefix + node.names[i];
    const YamlNode& value = node.items[i];
    std::vector<std::string> items;
    for (const YamlNode& item : value.items) items.push_back(item.text);
    switch (value.kind) {
      case YamlNode::Kind::kMap:
        Flatten(name + ".", value, out);
        break;
      case YamlNode::Kind::kList:
        out[name] = absl::StrJoin(items, ",");
        break;
      default:
        out[name] = value.text;
    }
  }
}

class ConfigExampleTest : public ConfigTest {
 protected:
  void SetUp() override {
    ConfigTest::SetUp();
    Write("secrets/keyring", kRing);
    Write("secrets/phone-index", kIndex);
    Write("secrets/database-password", kPassword);
    Write("secrets/wx0123456789abcdef", kAppSecret);
    Write("secrets/wxfedcba9876543210", kAppSecret);
    Write("secrets/audit-key", kAuditKey);
    const TestCertificate ca = MakeTestCa();
    const TestCertificate server = MakeTestCertificate({}, &ca);
    Write("tls/server.key", server.key);
    Write("tls/server.crt", server.pem, 0644);
    Write("tls/callers-ca.crt", ca.pem, 0644);
    Write("tls/callers.crl", MakeTestCrl(ca, {}), 0644);
    Write("tls/wechat-ca.crt", "PEM", 0644);
  }

  // Keys that have no default and that TLS, the example's choice, needs.
  const std::set<std::string> tls_keys_ = {
      "grpc.tls_cert_file", "grpc.tls_key_file", "grpc.tls_client_ca_file",
      "access.policy_file", "audit.file",        "audit.key_file"};
};

TEST_F(ConfigExampleTest, Loads) {
  EXPECT_THAT(Problems(Example()), IsEmpty());
  EXPECT_THAT(Problems(WholeExample()), IsEmpty());
}

TEST_F(ConfigExampleTest, HoldsEveryKeyWithItsDefault) {
  std::map<std::string, std::string> given;
  std::map<std::string, std::string> whole;
  const absl::StatusOr<YamlNode> example = ReadYaml(WholeExample());
  ASSERT_TRUE(example.ok()) << example.status();
  Flatten("", *ReadYaml(Example()), given);
  Flatten("", *example, whole);
  for (const ConfigKey& key : ConfigKeys()) {
    EXPECT_EQ(whole.count(key.name), 1) << key.name;
    if (key.default_text == nullptr) continue;
    if (*key.default_text == '\0')
      EXPECT_EQ(given.count(key.name), tls_keys_.count(key.name))
          << key.name << ": comment it out";
    else
      EXPECT_EQ(given[key.name], key.default_text) << key.name;
  }
  for (const AppKey& key : AppKeys())
    EXPECT_THAT(Example(), HasSubstr(absl::StrCat(key.name, ": ")));
}

}  // namespace
}  // namespace wxident

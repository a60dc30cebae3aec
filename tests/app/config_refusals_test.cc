#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/app/config_fixture.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace wxident

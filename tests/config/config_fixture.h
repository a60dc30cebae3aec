#ifndef WXIDENT_TESTS_CONFIG_CONFIG_FIXTURE_H_
#define WXIDENT_TESTS_CONFIG_CONFIG_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/config/config.h"
#include "tests/base/temp_folder.h"
#include "tests/tls/test_ca.h"

namespace wxident {

// Secrets that no error may repeat.
inline constexpr char kAppSecret[] = "c0ffee00c0ffee00c0ffee00c0ffee00";
inline constexpr char kPassword[] = "hunter2-canary";
inline constexpr char kRing[] =
    "2 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
inline constexpr char kIndex[] =
    "1 ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n";
inline constexpr char kAuditKey[] =
    "1 YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=\n";

inline constexpr char kGood[] = R"(grpc:
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

inline constexpr char kPlainText[] = "grpc.insecure_loopback: true\n";
inline constexpr char kTls[] = R"(grpc.tls_cert_file: server.pem
grpc.tls_key_file: server.key
grpc.tls_client_ca_file: callers.pem
access.policy_file: policy.yaml
audit.file: audit.log
audit.key_file: audit-key
)";
inline constexpr char kPolicy[] =
    "allow: [{caller: spiffe://corp/orders, methods: [Login], apps: [\"*\"]}]";

// A folder with every file that a config names.
class ConfigTest : public testing::Test {
 protected:
  void SetUp() override {
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

  std::string Path(const std::string& name) { return folder_.Path(name); }

  std::string Write(const std::string& name, absl::string_view text,
                    mode_t mode = 0600) {
    return folder_.Write(name, text, mode);
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
      EXPECT_THAT(message,
                  testing::Not(testing::HasSubstr(std::string(secret))));
    return absl::StrSplit(message, '\n');
  }

  const TempFolder folder_;
};

// `text` with its only `from` changed.
inline std::string Changed(absl::string_view from, absl::string_view to,
                           std::string text = kGood) {
  const size_t at = text.find(std::string(from));
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), std::string(to));
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_CONFIG_CONFIG_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config/config_keys.h"
#include "server/config/files/config_yaml.h"
#include "tests/config/config_fixture.h"
#include "tests/tls/test_ca.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

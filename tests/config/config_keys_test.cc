#include "server/config/config_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/config/config.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

TEST(ReadConfigSourcesTest, LeavesOthersVariablesAlone) {
  const absl::StatusOr<ConfigSources> sources = ReadConfigSources(
      {}, {"WXIDENT_CLIENT_ADDR=a:1", "WXIDENT_CLIENT_INSECURE=true",
           "WXIDENT_CLIENT_TLS_CA_FILE=/ca", "WXIDENT_SERVICE_HOST=10.0.0.1",
           "WXIDENT_GRPC_PORT=tcp://10.0.0.1:1", "WXIDENT_GRPC_ADDR=b:2"});
  ASSERT_TRUE(sources.ok()) << sources.status();
  EXPECT_THAT(sources->variables,
              ElementsAre(::testing::Pair("grpc.addr", "b:2")));
  EXPECT_THAT(sources->service_variables,
              ElementsAre("WXIDENT_SERVICE_HOST", "WXIDENT_GRPC_PORT"));
  // Of the same shape, but nothing that Kubernetes makes.
  EXPECT_FALSE(ReadConfigSources({}, {"WXIDENT_GRPC_PORT=8443"}).ok());
  EXPECT_FALSE(ReadConfigSources({}, {"WXIDENT_INSECURE=true"}).ok());
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

}  // namespace
}  // namespace wxident

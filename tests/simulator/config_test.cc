#include "simulator/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wxident::simulator {
namespace {

using testing::StartsWith;

TEST(Config, NamesWhatIsWrong) {
  Config config;
  EXPECT_TRUE(ApplyConfig({{"settings", {{"login_code_ttl_s", 7}}},
                           {"apps", {{{"app_id", "wx1"}}}}},
                          config)
                  .ok());
  EXPECT_EQ(config.settings.login_code_ttl, absl::Seconds(7));
  EXPECT_EQ(config.apps.at("wx1").secret.size(), 32u);
  const auto error = [](const Json& json) {
    Config config;
    return std::string(ApplyConfig(json, config).message());
  };
  EXPECT_THAT(error({{"setting", 1}}), StartsWith("setting: no such field"));
  EXPECT_THAT(error({{"settings", {{"x", 1}}}}), StartsWith("settings.x: "));
  EXPECT_THAT(error({{"apps", {{{"app_id", "wx1"}}, {{"kind", "x"}}}}}),
              StartsWith("apps[1].app_id: missing"));
}

}  // namespace
}  // namespace wxident::simulator

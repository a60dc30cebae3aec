#include "simulator/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wxident::simulator {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(ParseFlags, TakesBothForms) {
  const auto flags = ParseFlags({"--dir=/d", "--listen", "[::1]:8443", "--seed",
                                 "7", "--config=c.json", "--log-level=debug"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->dir, "/d");
  EXPECT_EQ(flags->host, "::1");
  EXPECT_EQ(flags->port, 8443);
  EXPECT_EQ(flags->seed, 7u);
  EXPECT_EQ(flags->config_file, "c.json");
  EXPECT_EQ(flags->log_level, LogLevel::kDebug);
}

TEST(ParseFlags, NamesWhatIsWrong) {
  const auto error = [](std::vector<std::string> args) {
    return std::string(ParseFlags(args).status().message());
  };
  EXPECT_THAT(error({}), StartsWith("--dir: missing"));
  EXPECT_THAT(error({"--dir"}), StartsWith("--dir: its value is missing"));
  EXPECT_THAT(error({"--port=1"}), StartsWith("--port: no such flag"));
  EXPECT_THAT(error({"dir"}), StartsWith("dir: not a flag"));
  EXPECT_THAT(error({"--dir=d", "--seed=x"}), StartsWith("--seed: "));
  for (const char* listen : {"8443", ":8443", "h:", "h:70000", "[::1:1"})
    EXPECT_THAT(error({"--dir=d", "--listen", listen}),
                StartsWith("--listen: "))
        << listen;
}

TEST(Help, TellsFlagsEndpointsAndSettings) {
  ASSERT_TRUE(ParseFlags({"--help"}).ok());
  EXPECT_TRUE(ParseFlags({"--help"})->help);
  for (const char* word : {"--listen", "--seed", "POST /cgi-bin/stable_token",
                           "login_code_ttl_s (seconds, default 300)", "quotas"})
    EXPECT_THAT(Help(), HasSubstr(word));
}

}  // namespace
}  // namespace wxident::simulator

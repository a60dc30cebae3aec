// What a server says at its start of a database that is not set up for it.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/cli/exit_codes.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

RunResult Serve(World& world, const std::vector<std::string>& flags = {}) {
  std::vector<std::string> arguments = {"serve", "--config",
                                        world.config_file()};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return RunWxidentd(arguments);
}

TEST(DatabaseStartTest, WithoutTimeOutsItDoesNotStart) {
  World world;
  ASSERT_TRUE(world.postgres()
                  .Superuser("ALTER ROLE wxident_server RESET lock_timeout;\n"
                             "ALTER ROLE wxident_server SET "
                             "statement_timeout = 0")
                  .ok());
  const RunResult run = Serve(world);
  EXPECT_EQ(run.code, kExitConfig);
  EXPECT_TRUE(Holds(run.output,
                    "ALTER ROLE wxident_server SET statement_timeout = '3s'; "
                    "ALTER ROLE wxident_server SET lock_timeout = '200ms'"))
      << run.output;
}

TEST(DatabaseStartTest, ADatabaseThatCannotBeAskedIsWaitedForAndSaidWhy) {
  World world;
  const RunResult run =
      Serve(world, {"--database-url", "postgresql://u@127.0.0.1:1/d"});
  EXPECT_EQ(run.code, kExitUnavailable);
  const size_t waiting = run.output.find("waiting for the database");
  ASSERT_NE(waiting, std::string::npos) << run.output;
  EXPECT_TRUE(Holds(run.output.substr(waiting), "nothing listens"));
  // Said once, and at the end.
  EXPECT_FALSE(
      Holds(run.output.substr(waiting + 1), "waiting for the database"));
  const size_t end = run.output.find("not started");
  ASSERT_NE(end, std::string::npos);
  EXPECT_TRUE(Holds(run.output.substr(end), "nothing listens"));
}

TEST(DatabaseStartTest, LibpqsEnvironmentDoesNotCount) {
  World world;
  auto server = Wxidentd::Launch(
      world, {},
      {"PGOPTIONS=-c statement_timeout=1", "PGCLIENTENCODING=GBK",
       "PGSERVICE=nowhere", "PGSSLMODE=verify-full",
       "PGTARGETSESSIONATTRS=read-only", "PGDATESTYLE=German", "PGTZ=CST"});
  server->WaitUntilListening();
  LogIn(world, *server, "somebody");
  EXPECT_TRUE(Holds(server->process().log(),
                    "\"environment_ignored\",\"names\":\"PGCLIENTENCODING, "
                    "PGDATESTYLE, PGOPTIONS, PGSERVICE, PGSSLMODE, "
                    "PGTARGETSESSIONATTRS, PGTZ\""))
      << server->process().log();
}

}  // namespace
}  // namespace wxident

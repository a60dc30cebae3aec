#include "server/store/postgres/pool/pg_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> HostsOf(const std::string& url) {
  const absl::StatusOr<PgUrl> link = ParsePgUrl(url);
  EXPECT_TRUE(link.ok()) << url;
  return link.ok() ? link->hosts : std::vector<std::string>();
}

TEST(PgUrlTest, KnowsEachServerThatMayBeTried) {
  EXPECT_THAT(HostsOf("postgresql://u@db.example:5432/d"),
              ElementsAre("db.example"));
  EXPECT_THAT(HostsOf("postgres://u@[::1]/d"), ElementsAre("::1"));
  EXPECT_THAT(HostsOf("postgresql://u@a:1,b:2/d?target_session_attrs=any"),
              ElementsAre("a", "b"));
  EXPECT_THAT(HostsOf("postgresql:///d"), ElementsAre(""));
  EXPECT_THAT(HostsOf("postgresql://u@%2Frun%2Fpg/d"), ElementsAre("/run/pg"));
  EXPECT_THAT(HostsOf("postgresql:///d?host=/run/pg"), ElementsAre("/run/pg"));
  // What the query says holds.
  EXPECT_THAT(HostsOf("postgresql://127.0.0.1/d?host=db.example"),
              ElementsAre("db.example"));
  EXPECT_THAT(HostsOf("postgresql://127.0.0.1/d?%68ost=db.example"),
              ElementsAre("db.example"));
  EXPECT_THAT(HostsOf("postgresql://localhost/d?hostaddr=192.0.2.1"),
              ElementsAre("192.0.2.1"));
  EXPECT_THAT(HostsOf("postgresql://a,b/d?hostaddr=192.0.2.1,"),
              ElementsAre("192.0.2.1", "b"));
  EXPECT_THAT(HostsOf("postgresql:///d?hostaddr=192.0.2.1,192.0.2.2"),
              ElementsAre("192.0.2.1", "192.0.2.2"));
}

TEST(PgUrlTest, KnowsHowItIsProtected) {
  const absl::StatusOr<PgUrl> link = ParsePgUrl(
      "postgresql://u@a/d?sslmode=verify-full&sslrootcert=/etc/ca.crt&"
      "service=s");
  ASSERT_TRUE(link.ok()) << link.status();
  EXPECT_EQ(link->ssl_mode, "verify-full");
  EXPECT_EQ(link->ssl_root_cert, "/etc/ca.crt");
  EXPECT_EQ(link->service, "s");
  // The last one holds.
  EXPECT_EQ(ParsePgUrl("postgresql://a/d?sslmode=verify-full&sslmode=prefer")
                ->ssl_mode,
            "prefer");
}

TEST(PgUrlTest, TheEnvironmentSaysNothing) {
  for (const char* name :
       {"PGHOST", "PGHOSTADDR", "PGSSLMODE", "PGSSLROOTCERT", "PGSERVICE"})
    setenv(name, "verify-full", 1);
  const absl::StatusOr<PgUrl> link = ParsePgUrl("postgresql:///d");
  ASSERT_TRUE(link.ok()) << link.status();
  EXPECT_THAT(link->hosts, ElementsAre(""));
  EXPECT_EQ(link->ssl_mode, "");
  EXPECT_EQ(link->ssl_root_cert, "");
  EXPECT_EQ(link->service, "");
}

TEST(PgUrlTest, WhatLibpqCannotReadIsNotRepeated) {
  const absl::Status status =
      ParsePgUrl("postgresql://u@a/d?canary=hunter2").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(
      std::string(status.message()),
      ::testing::AllOf(::testing::HasSubstr("cannot be read"),
                       ::testing::Not(::testing::HasSubstr("hunter2"))));
}

}  // namespace
}  // namespace wxident

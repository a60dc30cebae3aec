#include "server/store/postgres/pool/connect_failure.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

std::string OfServer(const std::string& state, const std::string& text,
                     const std::string& location = "") {
  return ConnectFailure(absl::StrCat(
      "connection to server at \"10.1.2.3\", port 5432 failed: FATAL:  ", state,
      ": ", text, "\nLOCATION:  ", location, ", x.c:1\n"));
}

TEST(ConnectFailureTest, TheStateDecidesInAnyLanguage) {
  EXPECT_EQ(OfServer("28P01", "\u5bc6\u7801\u8ba4\u8bc1\u5931\u8d25"),
            "the password of the database's role is wrong (SQLSTATE 28P01)");
  EXPECT_EQ(ConnectFailure("\u81f4\u547d\u9519\u8bef:  3D000: x\n"),
            "the database of database.url does not exist (SQLSTATE 3D000)");
}

TEST(ConnectFailureTest, OneStateMayHaveTwoCauses) {
  EXPECT_NE(OfServer("28000", "x", "ClientAuthentication"),
            OfServer("28000", "x", "InitializeSessionUserId"));
}

TEST(ConnectFailureTest, PoolersHaveTheirOwn) {
  EXPECT_TRUE(absl::StrContains(
      OfServer("08P01", "unsupported startup parameter: options"),
      "start-up parameter"));
  EXPECT_TRUE(absl::StrContains(
      OfServer("08P01", "no more connections allowed (max_client_conn)"),
      "no connection left"));
}

// After TLS was tried in vain, it was tried without.
TEST(ConnectFailureTest, TheLastTryCounts) {
  EXPECT_TRUE(absl::StrContains(
      ConnectFailure("connection to server failed: FATAL:  28000: no\n"
                     "connection to server failed: FATAL:  53300: too many\n"),
      "53300"));
}

TEST(ConnectFailureTest, WhatLibpqSaysIsSortedWithoutItsValues) {
  for (const char* text : {
           "could not translate host name \"secret\" to address: no\n",
           "connection to server at \"secret\" failed: Connection refused\n",
           "connection to server at \"secret\" failed: SSL error: certificate "
           "verify failed\n",
           "connection failed: server certificate for \"secret\" does not "
           "match "
           "host name \"secret\"\n",
           "connection failed: server does not support SSL, but SSL was "
           "required\n",
           "connection failed: fe_sendauth: no password supplied\n",
           "connection failed: session is read-only\n",
           "something secret that nobody knows\n",
       }) {
    const std::string sentence = ConnectFailure(text);
    EXPECT_FALSE(absl::StrContains(sentence, "secret")) << sentence;
    EXPECT_EQ(sentence == "the connection could not be made",
              absl::StrContains(text, "nobody knows"))
        << text << sentence;
  }
}

}  // namespace
}  // namespace wxident

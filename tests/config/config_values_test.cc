#include "server/config/config_values.h"

#include <gtest/gtest.h>

namespace wxident {
namespace {

TEST(ParseConfigDurationTest, TakesOneNumberAndOneUnit) {
  EXPECT_EQ(ParseConfigDuration("0"), absl::ZeroDuration());
  EXPECT_EQ(ParseConfigDuration("0s"), absl::ZeroDuration());
  EXPECT_EQ(ParseConfigDuration("250ms"), absl::Milliseconds(250));
  EXPECT_EQ(ParseConfigDuration("30s"), absl::Seconds(30));
  EXPECT_EQ(ParseConfigDuration("5m"), absl::Minutes(5));
  EXPECT_EQ(ParseConfigDuration("2h"), absl::Hours(2));
  EXPECT_EQ(ParseConfigDuration("999999999d"), absl::Hours(24) * 999999999);
  for (const char* text : {"", "s", "5", "-5s", "+5s", " 5s", "5 s", "5s ",
                           "1.5h", "1h30m", "5S", "1000000000s", "inf"})
    EXPECT_EQ(ParseConfigDuration(text), std::nullopt) << text;
}

TEST(ParseHostPortTest, TakesNamesAndAddresses) {
  EXPECT_EQ(ParseHostPort("localhost:0")->host, "localhost");
  EXPECT_EQ(ParseHostPort("127.0.0.1:65535")->port, 65535);
  EXPECT_EQ(ParseHostPort("[::1]:80")->host, "::1");
  for (const char* text :
       {"", ":", ":80", "a", "a:", "a:b", "a:-1", "a:65536", "::1:80", "[::1]",
        "[::1:80", "[x]:80", "a b:80", "-a:80", "a..b:80", "1:80", "127.1:80",
        "0x7f000001:80", "127.0.0.1.:80"})
    EXPECT_EQ(ParseHostPort(text).has_value(), false) << text;
}

TEST(IsLoopbackTest, KnowsWhatOnlyThisMachineReaches) {
  for (const char* host : {"127.0.0.1", "127.255.0.9", "::1", "localhost",
                           "LOCALHOST", "0:0:0:0:0:0:0:1"})
    EXPECT_TRUE(IsLoopback(host)) << host;
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "128.0.0.1",
                           "localhost.example.com", "127.example.com", ""})
    EXPECT_FALSE(IsLoopback(host)) << host;
}

TEST(IsHostNameTest, TakesNothingButTheName) {
  for (const char* host : {"localhost", "www.example.com", "127.0.0.1",
                           "xn--fsqu00a.xn--0zwm56d", "a-b.c1"})
    EXPECT_TRUE(IsHostName(host)) << host;
  for (const char* host :
       {"",    "Example.com", "https://a", "a:80", "a/",
        "a/b", "a b",         "a.",        ".a",   "a..b",
        "-a",  "a-",          "*.a",       "u@a",  "[::1]",
        "a?b", "a#b",         "a\\b",      "a_b",  "\xe4\xbe\x8b.com"})
    EXPECT_FALSE(IsHostName(host)) << host;
}

TEST(BaseUrlProblemTest, TakesHostsWithAndWithoutPort) {
  for (const char* url :
       {"https://api.weixin.qq.com", "https://api.weixin.qq.com:443",
        "https://127.0.0.1:8443", "https://[::1]:8443", "https://[::1]",
        "https://10.1.2.3", "https://localhost:1"})
    EXPECT_EQ(BaseUrlProblem(url), "") << url;
  for (const char* url : {"",
                          "https://",
                          "https://:443",
                          "https://a:",
                          "https://a:0",
                          "https://a:65536",
                          "https://a b",
                          "https://a/",
                          "https://a?b",
                          "https://a#b",
                          "https://a\\b",
                          "https://u@a",
                          "HTTPS://a",
                          "https://100.100.100.200",
                          "https://0.0.0.0",
                          "https://[fe80::1]",
                          "https://[::]",
                          "https://metadata",
                          "https://169.254.43518",
                          "https://0251.0376.1.1.",
                          "https://a.0x1",
                          "https://[::1",
                          "https://[::1]x",
                          "https://::1"})
    EXPECT_NE(BaseUrlProblem(url), "") << url;
}

TEST(DatabaseUrlProblemTest, TakesUrlsWithoutPassword) {
  for (const char* url :
       {"postgresql://wxident@db:5432/wxident", "postgres:///wxident",
        "postgresql:///wxident?host=/run/postgresql&user=wxident",
        "postgresql://a@h1:1,h2:2/d?sslmode=verify-full&passfile=/x"})
    EXPECT_EQ(DatabaseUrlProblem(url), "") << url;
  for (const char* url :
       {"", "mysql://h/d", "postgresql:/h", "postgresql://u:p@h/d",
        "postgresql://u:@h/d", "postgresql://u:p?q@h/d",
        "postgresql://u:p/q@h/d", "postgresql://h/d?password=",
        "postgresql://h/d?sslpassword=x", "postgresql://h/d?a=b&pass%77ord=x"})
    EXPECT_NE(DatabaseUrlProblem(url), "") << url;
}

}  // namespace
}  // namespace wxident

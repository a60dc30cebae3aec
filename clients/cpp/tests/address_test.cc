#include "wxident/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wxident::client {
namespace {

using ::testing::HasSubstr;

std::string Target(const std::string& address) {
  const auto parsed = ParseAddress(address);
  if (!parsed.ok()) return parsed.status().ToString();
  const auto target = TargetOf(*parsed);
  return target.ok() ? *target : target.status().ToString();
}

TEST(AddressTest, OneHost) {
  const auto one = ParseAddress(" wxident.internal:8443 ");
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_EQ(one->size(), 1u);
  EXPECT_EQ(one->front().host, "wxident.internal");
  EXPECT_EQ(one->front().port, "8443");
  EXPECT_EQ(Target("wxident.internal:8443"), "dns:///wxident.internal:8443");
  EXPECT_EQ(Target("dns:///wxident:1"), "dns:///wxident:1");
  EXPECT_EQ(Target("[::1]:80"), "dns:///%5B::1%5D:80");
  EXPECT_EQ(ParseAddress("[::1]:80")->front().host, "::1");
}

TEST(AddressTest, SeveralHosts) {
  EXPECT_EQ(Target("127.0.0.1:1, 127.0.0.2:2"), "ipv4:127.0.0.1:1,127.0.0.2:2");
  EXPECT_EQ(Target("127.0.0.1:1,[::1]:2"),
            "ipv6:%5B::ffff:127.0.0.1%5D:1,%5B::1%5D:2");
}

class BadAddressTest : public testing::TestWithParam<const char*> {};

TEST_P(BadAddressTest, IsRefused) {
  const absl::Status status = ParseAddress(GetParam()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << GetParam();
  EXPECT_THAT(status.message(), HasSubstr("address (WXIDENT_CLIENT_ADDR)"));
  EXPECT_THAT(status.message(), HasSubstr("host:port"));
}

INSTANTIATE_TEST_SUITE_P(All, BadAddressTest,
                         testing::Values("", " ", "host", ":1",
                                         "host:", "host:0", "host:65536",
                                         "host:x", "::1:80", "[]:80", "a:1,",
                                         ",a:1", "http://host:1", "unix:///x:1",
                                         "dns:///host", "dns:///a:1,b:2",
                                         "a b:1"));

TEST(AddressTest, AnUnknownHostAmongSeveral) {
  const absl::Status status =
      TargetOf({{"127.0.0.1", "1"}, {"no-such-host.invalid", "1"}}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.message(), HasSubstr("no-such-host.invalid"));
}

TEST(AddressTest, Loopback) {
  for (const char* host :
       {"127.0.0.1", "127.255.255.255", "::1", "localhost", "LOCALHOST"})
    EXPECT_TRUE(IsLoopback(host)) << host;
  for (const char* host : {"128.0.0.1", "10.0.0.1", "::2", "0.0.0.0",
                           "localhost.example", "127.0.0.1.example"})
    EXPECT_FALSE(IsLoopback(host)) << host;
}

}  // namespace
}  // namespace wxident::client

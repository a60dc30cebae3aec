#include "wxident/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wxident::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(AddressTest, OneHost) {
  const auto target = ParseAddress(" wxident.internal:8443 ");
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->uri, "dns:///wxident.internal:8443");
  EXPECT_THAT(target->hosts, ElementsAre("wxident.internal"));
  EXPECT_EQ(ParseAddress("dns:///wxident:1")->uri, "dns:///wxident:1");
  EXPECT_EQ(ParseAddress("[::1]:80")->uri, "dns:///%5B::1%5D:80");
  EXPECT_THAT(ParseAddress("[::1]:80")->hosts, ElementsAre("::1"));
}

TEST(AddressTest, SeveralHosts) {
  const auto v4 = ParseAddress("127.0.0.1:1, 127.0.0.2:2");
  ASSERT_TRUE(v4.ok()) << v4.status();
  EXPECT_EQ(v4->uri, "ipv4:127.0.0.1:1,127.0.0.2:2");
  EXPECT_THAT(v4->hosts, ElementsAre("127.0.0.1", "127.0.0.2"));
  EXPECT_EQ(ParseAddress("127.0.0.1:1,[::1]:2")->uri,
            "ipv6:%5B::ffff:127.0.0.1%5D:1,%5B::1%5D:2");
}

class BadAddressTest : public testing::TestWithParam<const char*> {};

TEST_P(BadAddressTest, IsRefused) {
  const absl::Status status = ParseAddress(GetParam()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << GetParam();
  EXPECT_THAT(status.message(), HasSubstr("address (WXIDENT_GRPC_ADDR)"));
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
      ParseAddress("127.0.0.1:1,no-such-host.invalid:1").status();
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

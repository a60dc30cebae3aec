#include "server/edge/ip_ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wxident {
namespace {

using ::testing::HasSubstr;

IpRanges RangesOf(const std::vector<std::string>& texts) {
  IpRanges out;
  for (const std::string& text : texts) EXPECT_TRUE(out.Add(text).ok()) << text;
  return out;
}

TEST(IpRangesTest, HaveWhatIsInThem) {
  const IpRanges ranges =
      RangesOf({"192.0.2.1", "10.0.0.0/8", "198.51.100.128/25", "2001:db8::/33",
                "2001:db8:ffff::7"});
  for (const char* ip :
       {"192.0.2.1", "10.0.0.0", "10.255.255.255", "198.51.100.128",
        "198.51.100.255", "2001:db8::", "2001:db8:7fff::1", "2001:db8:ffff::7",
        "::ffff:10.1.2.3"})
    EXPECT_TRUE(ranges.Has(ip)) << ip;
  for (const char* ip :
       {"192.0.2.0", "192.0.2.2", "9.255.255.255", "11.0.0.0", "198.51.100.127",
        "2001:db8:8000::", "2001:db8:ffff::8", "::a00:1", "::1", "", "text"})
    EXPECT_FALSE(ranges.Has(ip)) << ip;
  EXPECT_FALSE(IpRanges().Has("10.0.0.1"));
  EXPECT_TRUE(IpRanges().empty());
}

TEST(IpRangesTest, AnIpv4RangeMayBeWrittenAsIpv6) {
  const IpRanges ranges = RangesOf({"::ffff:10.0.0.0/104"});
  EXPECT_TRUE(ranges.Has("10.7.7.7"));
  EXPECT_FALSE(ranges.Has("11.0.0.0"));
}

TEST(IpRangesTest, RefuseWhatIsNone) {
  const auto why = [](absl::string_view text) {
    return std::string(IpRanges().Add(text).message());
  };
  for (const char* text :
       {"", "localhost", "10.0.0", "10.0.0.0.0", "10.0.0.1:80", "[::1]",
        "fe80::1%eth0", " 10.0.0.1", "/8", "300.0.0.1"})
    EXPECT_THAT(why(text), HasSubstr("is no IP address or range")) << text;
  EXPECT_THAT(why(absl::string_view("10.0.0.1\0x", 10)),
              HasSubstr("is no IP address or range"));
  for (const char* text :
       {"10.0.0.0/", "10.0.0.0/33", "2001:db8::/129", "10.0.0.0/-8",
        "10.0.0.0/8/8", "10.0.0.0/ 8", "10.0.0.0/0008"})
    EXPECT_THAT(why(text), HasSubstr("has no size")) << text;
  for (const char* text : {"0.0.0.0/0", "::/0"})
    EXPECT_THAT(why(text), HasSubstr("is everybody")) << text;
  for (const char* text : {"10.0.0.1/8", "10.0.0.1/31", "2001:db8::1/64"})
    EXPECT_THAT(why(text), HasSubstr("not the first address")) << text;
}

}  // namespace
}  // namespace wxident

#include "server/edge/wire.h"

#include <gtest/gtest.h>

#include <string>

namespace wxident {
namespace {

TEST(WireTest, Timeouts) {
  EXPECT_EQ(ParseGrpcTimeout("2H"), absl::Hours(2));
  EXPECT_EQ(ParseGrpcTimeout("3M"), absl::Minutes(3));
  EXPECT_EQ(ParseGrpcTimeout("4S"), absl::Seconds(4));
  EXPECT_EQ(ParseGrpcTimeout("5m"), absl::Milliseconds(5));
  EXPECT_EQ(ParseGrpcTimeout("6u"), absl::Microseconds(6));
  EXPECT_EQ(ParseGrpcTimeout("7n"), absl::Nanoseconds(7));
  EXPECT_EQ(ParseGrpcTimeout("0m"), absl::ZeroDuration());
  EXPECT_EQ(ParseGrpcTimeout("99999999H"), absl::Hours(99'999'999));
  for (const char* wrong :
       {"", "m", "1", "1s", "-1m", "+1m", " 1m", "1 m", "1.5S", "123456789m"})
    EXPECT_EQ(ParseGrpcTimeout(wrong), std::nullopt) << wrong;
}

TEST(WireTest, PercentEncoding) {
  EXPECT_EQ(PercentEncode(""), "");
  EXPECT_EQ(PercentEncode("plain ~ text!"), "plain ~ text!");
  EXPECT_EQ(PercentEncode("100%\t\xe5\xbe\xae\x7f"), "100%25%09%E5%BE%AE%7F");
}

TEST(WireTest, BinaryFields) {
  for (size_t size = 0; size < 9; ++size) {
    const std::string bytes =
        std::string("\x00\xff\x80?>a\n\x01\x7f", 9).substr(0, size);
    const std::string text = EncodeBinaryField(bytes);
    EXPECT_EQ(text.find('='), text.npos);
    EXPECT_EQ(DecodeBinaryField(text), bytes);
    std::string padded = text;
    while (padded.size() % 4 != 0) padded += '=';
    EXPECT_EQ(DecodeBinaryField(padded), bytes);
  }
  for (const char* wrong :
       {"A", "AA=", "A===", "AA==A", "A A=", "_w", "=", "AB"})
    EXPECT_EQ(DecodeBinaryField(wrong), std::nullopt) << wrong;
}

TEST(WireTest, ContentTypes) {
  for (const char* right :
       {"application/grpc", "application/grpc+proto", "Application/gRPC",
        "application/grpc;charset=utf-8"})
    EXPECT_TRUE(IsGrpcContentType(right)) << right;
  for (const char* wrong : {"", "application/grp", "application/grpc-web",
                            "text/plain", "application/grpcx"})
    EXPECT_FALSE(IsGrpcContentType(wrong)) << wrong;
}

TEST(WireTest, MessagePrefix) {
  std::string out = "x";
  AppendMessagePrefix(0x01020304, out);
  EXPECT_EQ(out, std::string("x\0\1\2\3\4", 6));
}

}  // namespace
}  // namespace wxident

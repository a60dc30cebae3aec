#include "server/edge/request_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

RequestHead Usual() {
  RequestHead head;
  head.Add(":method", "POST");
  head.Add(":path", "/a/B");
  head.Add(":authority", "localhost");
  head.Add("content-type", "application/grpc+proto");
  head.Add("te", "trailers");
  return head;
}

TEST(RequestHeadTest, UnderstandsWhatIsGrpcs) {
  RequestHead head = Usual();
  head.Add("grpc-timeout", "7m");
  head.Add("grpc-encoding", "identity");
  head.Add("grpc-accept-encoding", "gzip");
  head.Add("grpc-something", "x");
  EXPECT_EQ(head.HttpStatus(), 200);
  EXPECT_TRUE(head.status().ok());
  EXPECT_EQ(head.path(), "/a/B");
  EXPECT_EQ(head.timeout(), absl::Milliseconds(7));
  EXPECT_THAT(head.metadata(), IsEmpty());
}

TEST(RequestHeadTest, KeepsWhatIsThePrograms) {
  RequestHead head = Usual();
  head.Add("b", "1");
  head.Add("cookie", "c");
  head.Add("token", "t");
  head.Add("trace-bin", "AAE");
  head.Add("grpc-trace-bin", "/w==");
  EXPECT_THAT(
      head.metadata(),
      ElementsAre(Pair("b", "1"), Pair("cookie", "c"), Pair("token", "t"),
                  Pair("trace-bin", std::string("\0\1", 2)),
                  Pair("grpc-trace-bin", "\xff")));
}

TEST(RequestHeadTest, TellsWhatIsNoCall) {
  EXPECT_EQ(RequestHead().HttpStatus(), 405);
  RequestHead head;
  head.Add(":method", "POST");
  EXPECT_EQ(head.HttpStatus(), 415);
  head.Add("content-type", "text/plain");
  EXPECT_EQ(head.HttpStatus(), 415);
}

TEST(RequestHeadTest, TheFirstThingWrongIsTold) {
  RequestHead head = Usual();
  head.Add("grpc-timeout", "7");
  head.Add("grpc-encoding", "gzip");
  EXPECT_TRUE(absl::IsInternal(head.status()));
  RequestHead compressed = Usual();
  compressed.Add("grpc-encoding", "gzip");
  EXPECT_TRUE(absl::IsUnimplemented(compressed.status()));
  RequestHead binary = Usual();
  binary.Add("x-bin", "not base64");
  EXPECT_TRUE(absl::IsInternal(binary.status()));
}

TEST(RequestHeadTest, TooMuchIsNotKept) {
  RequestHead head = Usual();
  for (int i = 0; i < 300; ++i) head.Add("n", "");
  EXPECT_TRUE(absl::IsResourceExhausted(head.status()));
  EXPECT_THAT(head.metadata(), IsEmpty());
}

}  // namespace
}  // namespace wxident

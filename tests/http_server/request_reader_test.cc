#include "server/http_server/request_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr RequestReader::Limits kSmall = {.header_bytes = 256,
                                          .body_bytes = 64};

// All that `reader` reads out of bytes that come in pieces of `piece`.
std::vector<WebRequest> ReadAll(RequestReader& reader, absl::string_view bytes,
                                size_t piece) {
  std::vector<WebRequest> out;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    reader.Feed(bytes.substr(0, piece));
    while (std::optional<WebRequest> request = reader.Next())
      out.push_back(*std::move(request));
  }
  return out;
}

// By the size of the pieces that bytes come in.
class RequestReaderTest : public testing::TestWithParam<size_t> {
 protected:
  std::vector<WebRequest> Read(absl::string_view bytes) {
    return ReadAll(reader_, bytes, GetParam());
  }
  int RefusalOf(absl::string_view bytes) {
    RequestReader reader(kSmall);
    EXPECT_THAT(ReadAll(reader, bytes, GetParam()), IsEmpty());
    return reader.refusal().has_value() ? reader.refusal()->status : 0;
  }

  RequestReader reader_{kSmall};
};

TEST_P(RequestReaderTest, ReadsARequest) {
  const std::vector<WebRequest> read =
      Read("GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nX-Other:  y z \r\n\r\n");
  ASSERT_THAT(read, SizeIs(1));
  EXPECT_EQ(read[0].method, "GET");
  EXPECT_EQ(read[0].path, "/a/b");
  EXPECT_EQ(read[0].query, "c=d");
  EXPECT_THAT(read[0].fields,
              ElementsAre(Pair("host", "x"), Pair("x-other", "y z")));
  EXPECT_TRUE(read[0].keep_alive);
  EXPECT_FALSE(reader_.begun());
}

TEST_P(RequestReaderTest, ReadsOneAfterAnother) {
  const std::vector<WebRequest> read = Read(
      "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
      "GET /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
      "POST /c HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
      "GET /d HTTP/1.0\r\n\r\n"
      "GET /e HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
  ASSERT_THAT(read, SizeIs(5));
  EXPECT_EQ(read[0].body, "abc");
  EXPECT_FALSE(read[1].keep_alive);
  EXPECT_EQ(read[2].body, "");
  EXPECT_FALSE(read[3].keep_alive);
  EXPECT_EQ(read[4].path, "/e");
  EXPECT_TRUE(read[4].keep_alive);
}

TEST_P(RequestReaderTest, TargetsOfAllForms) {
  const std::string end = " HTTP/1.1\r\nhost: x\r\n\r\n";
  const std::vector<WebRequest> read = Read(absl::StrCat(
      "GET http://x:1/a?b", end, "GET http://x", end, "GET http://x?b", end));
  ASSERT_THAT(read, SizeIs(3));
  EXPECT_EQ(read[0].path, "/a");
  EXPECT_EQ(read[0].query, "b");
  EXPECT_EQ(read[1].path, "/");
  EXPECT_EQ(read[2].query, "b");
  EXPECT_EQ(RefusalOf("OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n"), 400);
  EXPECT_EQ(RefusalOf("CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n"), 400);
}

TEST_P(RequestReaderTest, WhatIsNotTaken) {
  const std::string head = "POST / HTTP/1.1\r\nhost: x\r\n";
  for (const auto& [said, status] : std::vector<std::pair<std::string, int>>{
           {"\r\n", 400},
           {"get / HTTP/1.1\r\nhost: x\r\n\r\n", 400},
           {"GET /\r\n\r\n", 400},
           {"GET / HTTP/2.0\r\n\r\n", 505},
           {"GET / HTTP/0.9\r\n\r\n", 505},
           {"GET / HTTP/1.1\r\n\r\n", 400},
           {"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400},
           {"GET / HTTP/1.1\r\nhost : x\r\n\r\n", 400},
           {"GET / HTTP/1.1\r\nhost: x\nb: c\r\n\r\n", 400},
           {head + "content-length: 65\r\n\r\n", 413},
           {head + "content-length: 99999999999999999999\r\n\r\n", 400},
           {head + "content-length: -1\r\n\r\n", 400},
           {head + "content-length: 1, 1\r\n\r\n", 400},
           {head + "content-length: 1\r\ncontent-length: 1\r\n\r\n", 400},
           {head + "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            400},
           {head + "transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n",
            400},
           {head + "transfer-encoding: chunked\r\n\r\n0\r\n\r\n", 411},
           {head + "transfer-encoding: gzip\r\n\r\n", 411},
           {"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", 411},
       })
    EXPECT_EQ(RefusalOf(said), status) << said;
}

TEST_P(RequestReaderTest, HeadersOfSoManyBytes) {
  const std::string head = "GET / HTTP/1.1\r\nhost: x\r\ny: ";
  const auto with = [&](size_t size) {
    return head + std::string(size - head.size() - 4, 'z') + "\r\n\r\n";
  };
  EXPECT_THAT(Read(with(256)), SizeIs(1));
  EXPECT_EQ(RefusalOf(with(257)), 431);
  EXPECT_EQ(RefusalOf(with(10'000)), 431);
  EXPECT_EQ(RefusalOf("GET /" + std::string(300, 'x')), 431);
}

TEST_P(RequestReaderTest, TellsWhoWaitsToBeAskedForTheBody) {
  EXPECT_THAT(Read("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n"
                   "Expect: 100-Continue\r\n\r\n"),
              IsEmpty());
  EXPECT_TRUE(reader_.begun());
  EXPECT_TRUE(reader_.TakeContinue());
  EXPECT_FALSE(reader_.TakeContinue());
  EXPECT_THAT(Read("a"), SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(Pieces, RequestReaderTest,
                         testing::Values(1, 2, 3, 7, 100, 16 << 10));

}  // namespace
}  // namespace wxident

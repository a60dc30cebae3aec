#include "server/http_server/response_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace wxident {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// 784111777 is RFC 9110's own example.
const absl::Time kThen = absl::FromUnixSeconds(784'111'777);

TEST(ResponseTextTest, HasAllThatClientsNeed) {
  EXPECT_EQ(ResponseText({.status = 404, .body = "no\n"}, /*with_body=*/true,
                         /*keep_alive=*/true, kThen),
            "HTTP/1.1 404 Not Found\r\n"
            "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "content-type: text/plain; charset=utf-8\r\n"
            "content-length: 3\r\n"
            "cache-control: no-store\r\n"
            "x-content-type-options: nosniff\r\n"
            "\r\n"
            "no\n");
}

TEST(ResponseTextTest, TheEndOfAConnectionAndTheAnswerToHead) {
  const std::string text = ResponseText({.body = "abc"}, /*with_body=*/false,
                                        /*keep_alive=*/false, kThen);
  EXPECT_THAT(text, HasSubstr("\r\ncontent-length: 3\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nconnection: close\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\n"));
}

TEST(ResponseTextTest, AValueEndsNoLine) {
  const std::string text = ResponseText(
      {.fields = {{"location", "/a\r\nset-cookie: b"}}}, true, true, kThen);
  EXPECT_THAT(text, HasSubstr("\r\nlocation: /a  set-cookie: b\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("\r\nset-cookie")));
}

}  // namespace
}  // namespace wxident

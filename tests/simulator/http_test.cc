#include "simulator/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wxident::simulator {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(ParseQuery, Decodes) {
  EXPECT_THAT(ParseQuery("a=1&b=x%20y+z&c&d=e=f&%61=2"),
              ElementsAre(Pair("a", "1"), Pair("b", "x y z"), Pair("c", ""),
                          Pair("d", "e=f"), Pair("a", "2")));
  EXPECT_THAT(ParseQuery(""), ElementsAre());
}

TEST(ParseQuery, LeavesBrokenEscapesAlone) {
  EXPECT_THAT(ParseQuery("a=%&b=%4&c=%zz&d=100%25"),
              ElementsAre(Pair("a", "%"), Pair("b", "%4"), Pair("c", "%zz"),
                          Pair("d", "100%")));
}

TEST(HttpRequest, GivesTheFirstValue) {
  HttpRequest request;
  request.query = ParseQuery("a=1&a=2");
  EXPECT_EQ(request.Query("a"), "1");
  EXPECT_EQ(request.Query("b"), "");
}

TEST(Cookie, IsFoundByItsWholeName) {
  HttpRequest request;
  EXPECT_EQ(request.Cookie("b"), "");
  request.cookies = "ab=1; b=2%203;c";
  EXPECT_EQ(request.Cookie("b"), "2 3");
  EXPECT_EQ(request.Cookie("a"), "");
  EXPECT_EQ(request.Cookie("c"), "");
}

}  // namespace
}  // namespace wxident::simulator

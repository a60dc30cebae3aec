#include "simulator/page_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wxident::simulator {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ConsentHtml, NamesTheAppTheScopeAndTheUsers) {
  const std::string html = ConsentHtml(
      {"Log in", "wxsite", "snsapi_login", {"alice", "bob"}, "bob"});
  EXPECT_THAT(html, HasSubstr("<b id=\"app\">wxsite</b>"));
  EXPECT_THAT(html, HasSubstr("<b id=\"scope\">snsapi_login</b>"));
  EXPECT_THAT(html, HasSubstr("<option>alice</option>"));
  EXPECT_THAT(html, HasSubstr("<option selected>bob</option>"));
  EXPECT_THAT(html, HasSubstr("id=\"allow\""));
  EXPECT_THAT(html, HasSubstr("id=\"refuse\""));
}

TEST(ConsentHtml, HasNoListOfNobody) {
  const std::string html = ConsentHtml({"Log in", "wxsite", "snsapi_login"});
  EXPECT_THAT(html, Not(HasSubstr("<select")));
  EXPECT_THAT(html, HasSubstr("name=\"another\""));
}

TEST(ConsentHtml, EscapesWhatOthersWrote) {
  const std::string evil = "<script>\"&'";
  for (const std::string& html :
       {ConsentHtml({"t", evil, evil, {evil}, ""}), NoticeHtml("n", evil)}) {
    EXPECT_THAT(html, Not(HasSubstr("<script>")));
    EXPECT_THAT(html, HasSubstr("&lt;script&gt;&quot;&amp;&#39;"));
  }
}

}  // namespace
}  // namespace wxident::simulator

#include "simulator/redirect_uri.h"

#include <gtest/gtest.h>

namespace wxident::simulator {
namespace {

TEST(RedirectHost, IsLowerCaseWithoutPort) {
  EXPECT_EQ(RedirectHost("https://site.example/back?x=1"), "site.example");
  EXPECT_EQ(RedirectHost("HTTPS://Site.Example:8443"), "site.example");
  EXPECT_EQ(RedirectHost("http://127.0.0.1:8080/"), "127.0.0.1");
  EXPECT_EQ(RedirectHost("https://site.example#top"), "site.example");
}

TEST(RedirectHost, IsNotFooled) {
  EXPECT_EQ(RedirectHost("https://evil.example\\@site.example/"),
            "evil.example");
  EXPECT_EQ(RedirectHost("https://evil.example/https://site.example/"),
            "evil.example");
  for (const char* uri :
       {"", "site.example", "//site.example/", "ftp://site.example/",
        "javascript:alert(1)", "https://site.example@evil.example/",
        "https://site.example:x@evil.example/",
        "https://site.example/\r\nSet-Cookie: a=b", "https://site.example/ b",
        "https://site.example/\xe4\xb8\xad"})
    EXPECT_EQ(RedirectHost(uri), "") << uri;
}

TEST(WithQuery, AddsBeforeTheFragment) {
  EXPECT_EQ(WithQuery("https://a/b", "c=1"), "https://a/b?c=1");
  EXPECT_EQ(WithQuery("https://a/b?x=2", "c=1"), "https://a/b?x=2&c=1");
  EXPECT_EQ(WithQuery("https://a/#/route?y", "c=1"), "https://a/?c=1#/route?y");
}

}  // namespace
}  // namespace wxident::simulator

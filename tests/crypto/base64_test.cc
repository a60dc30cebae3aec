#include "server/crypto/base64.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/crypto/fake_random.h"

namespace wxident {
namespace {

// RFC 4648 section 10.
TEST(Base64Test, MatchesTheRfc) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [data, text] : cases) {
    EXPECT_EQ(Base64Encode(data), text);
    EXPECT_EQ(Base64Decode(text), std::string(data));
  }
}

TEST(Base64Test, ReturnsWhatItTook) {
  FakeRandom random;
  for (size_t size = 0; size < 200; ++size) {
    const std::string data = random.Bytes(size);
    EXPECT_EQ(Base64Decode(Base64Encode(data)), data);
  }
}

TEST(Base64Test, TakesOneFormOnly) {
  for (const std::string& text :
       {std::string("Zg"), std::string("Zg="), std::string("Zg==="),
        std::string("Z"), std::string("===="), std::string("Zg== "),
        std::string(" Zg=="), std::string("Zm\n9v"), std::string("Zm9v\n"),
        // Unused bits that are not zero.
        std::string("Zh=="), std::string("Zm9="),
        // base64url's alphabet, '.' for padding, and what follows padding.
        std::string("-_-_"), std::string("Zg.."), std::string("Zg==Zg=="),
        std::string("Z=g="), std::string("Zm9\0", 4)})
    EXPECT_FALSE(Base64Decode(text).has_value()) << text;
}

TEST(Base64Test, UrlFormHasNoPaddingAndItsOwnAlphabet) {
  EXPECT_EQ(Base64UrlEncode("\xff\xef\xfe"), "_-_-");
  EXPECT_EQ(Base64UrlEncode("f"), "Zg");
  EXPECT_EQ(Base64UrlEncode(""), "");
}

}  // namespace
}  // namespace wxident

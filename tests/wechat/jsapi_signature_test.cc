#include "server/wechat/jsapi_signature.h"

#include <cstdint>
#include <deque>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/crypto/fake_random.h"

namespace wxident {
namespace {

// As WeChat publishes them with its algorithm.
constexpr char kTicket[] =
    "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-"
    "Sl-HhTdfl2fzFy1AOcHKP7qg";
constexpr char kNonce[] = "Wm3WZYTPz0wzccnW";
constexpr int64_t kTimestamp = 1414587457;

std::string Sign(absl::string_view url) {
  return SignJsapi(Secret(kTicket), kNonce, kTimestamp, url);
}

TEST(JsapiSignatureTest, IsWechatsOwn) {
  EXPECT_EQ(Sign("http://mp.weixin.qq.com?params=value"),
            "0f9de62fce790f9a083d5c99e95740ceb90c27ed");
  EXPECT_EQ(Sign("http://mp.weixin.qq.com"),
            "f4d90daf4b3bca3078ab155816175ba34c443a7b");
}

TEST(JsapiSignatureTest, LeavesOutTheFragmentAlone) {
  const std::string page = Sign("http://mp.weixin.qq.com?params=value");
  for (const char* fragment : {"#", "#a", "#/route?x=1", "#a#b"})
    EXPECT_EQ(
        Sign(absl::StrCat("http://mp.weixin.qq.com?params=value", fragment)),
        page);
  for (const char* other :
       {"http://mp.weixin.qq.com?params=value&", "http://mp.weixin.qq.com/",
        "HTTP://mp.weixin.qq.com?params=value",
        "http://mp.weixin.qq.com?params=valu%65",
        "http://mp.weixin.qq.com?params=value%23"})
    EXPECT_NE(Sign(other), page) << other;
}

TEST(JsapiSignatureTest, DependsOnEachValue) {
  const std::string url = "https://h5.example.com/";
  const std::set<std::string> all = {
      SignJsapi(Secret("t"), "n", 1, url), SignJsapi(Secret("u"), "n", 1, url),
      SignJsapi(Secret("t"), "m", 1, url), SignJsapi(Secret("t"), "n", 2, url)};
  EXPECT_EQ(all.size(), 4u);
}

TEST(JsapiSignatureTest, ANonceHasEachCharacterAsOften) {
  FakeRandom random;
  std::map<char, int> seen;
  constexpr int kNonces = 10'000;
  for (int i = 0; i < kNonces; ++i) {
    const std::string nonce = NewJsapiNonce(random);
    ASSERT_EQ(nonce.size(), 16u);
    for (char c : nonce) {
      ASSERT_TRUE(absl::ascii_isalnum(static_cast<unsigned char>(c)));
      ++seen[c];
    }
  }
  ASSERT_EQ(seen.size(), 62u);
  // 2581 on average with a deviation of 50; a remainder of 256 by 62 would make
  // eight of them 3125.
  for (const auto& [c, count] : seen) {
    EXPECT_GT(count, 2581 - 300) << c;
    EXPECT_LT(count, 2581 + 300) << c;
  }
}

// Gives what it was told, then zeros.
class ScriptedRandom final : public Random {
 public:
  explicit ScriptedRandom(std::string bytes)
      : bytes_(bytes.begin(), bytes.end()) {}
  std::string Bytes(size_t size) override {
    std::string out(size, '\0');
    for (char& byte : out) {
      if (bytes_.empty()) break;
      byte = bytes_.front();
      bytes_.pop_front();
    }
    return out;
  }

 private:
  std::deque<char> bytes_;
};

TEST(JsapiSignatureTest, WhatIsBeyondTheAlphabetIsDrawnAgain) {
  ScriptedRandom random(std::string("\x3e\x3f\xfe\xff\x3d\x7d\xbd\xfd", 8));
  EXPECT_EQ(NewJsapiNonce(random), "9999AAAAAAAAAAAA");
}

}  // namespace
}  // namespace wxident

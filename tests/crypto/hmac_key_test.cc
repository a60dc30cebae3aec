#include "server/crypto/hmac_key.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "server/crypto/hash.h"

namespace wxident {
namespace {

TEST(HmacKeyTest, MakesWhatHmacSha256Makes) {
  // Around a block's 64 bytes and beyond.
  for (const size_t key_size : {0, 1, 32, 63, 64, 65, 200}) {
    const std::string key_text(key_size, 'k');
    const HmacKey key(key_text);
    for (const size_t size : {0, 1, 55, 56, 63, 64, 65, 1000}) {
      const std::string data(size, 'd');
      EXPECT_EQ(key.Mac(data), HmacSha256(key_text, data))
          << key_size << " " << size;
    }
  }
}

TEST(HmacKeyTest, ManyMayUseIt) {
  const HmacKey key("shared");
  std::vector<std::thread> users;
  for (int user = 0; user < 4; ++user)
    users.emplace_back([&key, user] {
      const std::string data(static_cast<size_t>(user) * 50, 'd');
      const std::string expected = HmacSha256("shared", data);
      for (int i = 0; i < 500; ++i) EXPECT_EQ(key.Mac(data), expected);
    });
  for (std::thread& user : users) user.join();
}

}  // namespace
}  // namespace wxident

// What somebody who may change encrypted data, and ask, learns from the
// answers: nothing, neither from what they say nor from when they come.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/crypto/aes_cbc.h"
#include "server/crypto/base64.h"
#include "server/identity/error.h"
#include "server/wechat/open_data.h"

namespace wxident {
namespace {

constexpr char kAppId[] = "wx4f4bc4dec97d474b";
constexpr char kNumber[] = "+85298765432";
constexpr size_t kBlock = 16;
// Of each of four seeds, which run apart.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kRounds = 50'000;
#else
constexpr int kRounds = 250'000;
#endif

const std::vector<Secret>& Keys() {
  static const auto& keys = *new std::vector<Secret>{
      Secret("tiihtNczf5v6AKRyjwEUhQ=="), Secret("AAECAwQFBgcICQoLDA0ODw==")};
  return keys;
}

std::string Watermark(const std::string& app_id = kAppId) {
  return absl::StrCat(R"("watermark":{"timestamp":1637744274,"appid":")",
                      app_id, "\"}");
}

std::string PhoneJson() {
  return absl::StrCat(R"({"phoneNumber":")", kNumber,
                      R"(","purePhoneNumber":"98765432","countryCode":"852",)",
                      Watermark(), "}");
}

struct Data {
  std::string iv;
  std::string ciphertext;
};

// Under the newest key or the one before it.
Data Encrypt(const std::string& text, size_t key = 0) {
  const std::string iv(kBlock, 'i');
  return {iv, AesCbcEncrypt(*Base64Decode(Keys()[key].Expose()), iv, text)};
}

absl::StatusOr<Phone> Open(const Data& data) {
  return OpenPhone({data.ciphertext, data.iv, Keys(), kAppId, absl::UnixEpoch(),
                    absl::InfiniteDuration()});
}

// One change of the kinds that attacks on CBC are made of, or several.
void Mutate(Data& data, std::mt19937_64& random) {
  std::string& text = data.ciphertext;
  const auto any = [&](size_t below) { return random() % below; };
  const auto flip = [&](std::string& in) {
    in[any(in.size())] ^= static_cast<char>(1u << any(8));
  };
  switch (any(9)) {
    case 0:
      return flip(text);
    case 1:
      return flip(data.iv);
    case 2:  // the bytes that decide the padding
      text[text.size() - kBlock - 1 - any(kBlock)] =
          static_cast<char>(any(256));
      return;
    case 3:  // cut, also within a block
      text.resize(any(text.size()));
      return;
    case 4: {  // two blocks swapped
      const size_t one = any(text.size() / kBlock) * kBlock;
      const size_t other = any(text.size() / kBlock) * kBlock;
      if (one == other) return flip(text);
      for (size_t i = 0; i < kBlock; ++i)
        std::swap(text[one + i], text[other + i]);
      return;
    }
    case 5: {  // a block once more
      const std::string block =
          text.substr(any(text.size() / kBlock) * kBlock, kBlock);
      text.insert(any(text.size() / kBlock + 1) * kBlock, block);
      return;
    }
    case 6:  // blocks taken out of the front
      text.erase(0, (1 + any(text.size() / kBlock)) * kBlock);
      return;
    case 7:  // the last block behind a made-up one: the padding oracle's probe
      text = std::string(kBlock, static_cast<char>(any(256))) +
             text.substr(text.size() - kBlock);
      return flip(text);
    case 8:
      for (size_t n = 2 + any(30); n > 0; --n) flip(text);
      return;
  }
}

class ChangedDataTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Seeds, ChangedDataTest, testing::Range(0, 4));

TEST_P(ChangedDataTest, AMillionInputsHaveOneAnswer) {
  const absl::Status expected = Open({std::string(kBlock, 'i'), ""}).status();
  ASSERT_TRUE(HasReason(expected, Reason::kDecryptRejected));
  const Data originals[] = {Encrypt(PhoneJson(), 0), Encrypt(PhoneJson(), 1)};
  for (const Data& original : originals) ASSERT_TRUE(Open(original).ok());

  std::mt19937_64 random(GetParam());
  int same = 0;
  for (int i = 0; i < kRounds; ++i) {
    const Data& original = originals[i % 2];
    Data data = original;
    Mutate(data, random);
    if (data.ciphertext == original.ciphertext && data.iv == original.iv) {
      ++same;
      continue;
    }
    // The whole of it: code, message, reason, metadata.
    ASSERT_EQ(Open(data).status(), expected)
        << i << ": " << Base64Encode(data.iv) << " "
        << Base64Encode(data.ciphertext);
  }
  EXPECT_LT(same, kRounds / 100);
}

// Refusals of all kinds for data of one size. The kinds take turns, so that
// whatever else the machine does befalls all of them; medians leave out what
// befalls one.
TEST(OpenDataOracleTest, AllRefusalsTakeTheSameTime) {
  constexpr int kTurns = 2'000;
  // Large enough for a difference to stand out: parsing takes several times as
  // long as decrypting.
  const auto text = [](const std::string& watermark, const char* end) {
    std::string out = "{\"phoneNumber\":[0";
    while (out.size() < 3000) out += R"(,"13580006666")";
    return absl::StrCat(out, "],", watermark, end);
  };
  const std::string whole = text(Watermark(), "}");

  std::map<std::string, Data> kinds;
  kinds["no phone"] = Encrypt(whole);
  kinds["foreign watermark"] =
      Encrypt(text(Watermark("wx4f4bc4dec97d474c"), "}"));
  kinds["JSON wrong at the end"] = Encrypt(text(Watermark(), "]"));
  kinds["JSON wrong in the first byte"] = Encrypt("[" + whole.substr(1));
  kinds["JSON wrong in the middle"] =
      Encrypt(absl::StrCat(whole.substr(0, 1500), "\x01", whole.substr(1501)));
  kinds["not UTF-8"] =
      Encrypt(absl::StrCat(whole.substr(0, 1500), "\xff", whole.substr(1501)));
  kinds["a NUL"] = Encrypt(absl::StrCat(
      whole.substr(0, 100), std::string(1, '\0'), whole.substr(101)));
  Data padding = Encrypt(whole);
  padding.ciphertext[padding.ciphertext.size() - kBlock - 1] ^= 0x40;
  kinds["wrong padding behind garbage"] = padding;
  // That has garbled a block. Here the text is whole, but ends in spaces where
  // the padding should be.
  Data intact = Encrypt(whole + std::string(40, ' '));
  intact.ciphertext.resize(intact.ciphertext.size() - kBlock);
  kinds["wrong padding behind JSON"] = intact;
  kinds["another key"] = {padding.iv,
                          std::string(Encrypt(whole).ciphertext.size(), 'x')};
  kinds["the key before, no phone"] = Encrypt(whole, 1);

  std::map<std::string, std::vector<double>> times;
  for (int turn = 0; turn < kTurns; ++turn) {
    for (const auto& [kind, data] : kinds) {
      const auto began = std::chrono::steady_clock::now();
      const bool ok = Open(data).ok();
      const std::chrono::duration<double, std::micro> took =
          std::chrono::steady_clock::now() - began;
      ASSERT_FALSE(ok) << kind;
      times[kind].push_back(took.count());
    }
  }
  double least = 1e9;
  double most = 0;
  std::string told;
  for (auto& [kind, all] : times) {
    std::nth_element(all.begin(), all.begin() + all.size() / 2, all.end());
    const double median = all[all.size() / 2];
    least = std::min(least, median);
    most = std::max(most, median);
    absl::StrAppend(&told, "  ", median, " us  ", kind, ", ",
                    kinds[kind].ciphertext.size(), " bytes\n");
  }
  RecordProperty("medians", told);
  // Without the work being made up for it is 5.
  EXPECT_LT(most, least * 1.5) << told;
}

}  // namespace
}  // namespace wxident

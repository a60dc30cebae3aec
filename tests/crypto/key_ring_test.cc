#include "server/crypto/key_ring.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/crypto/base64.h"
#include "tests/crypto/fake_random.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

class KeyRingTest : public ::testing::Test {
 protected:
  static KeyRing::Key Key(uint32_t id) {
    return {id, Secret(std::string(32, static_cast<char>('A' + id % 26)))};
  }
  std::unique_ptr<KeyRing> Ring(const std::vector<uint32_t>& ids) {
    std::vector<KeyRing::Key> keys;
    for (uint32_t id : ids) keys.push_back(Key(id));
    return *KeyRing::Create(std::move(keys), random_);
  }

  FakeRandom random_;
  const AssociatedData data_{"session_keys", "sealed", {"wx1", "openid1"}};
  const Secret value_{"tiihtNczf5v6AKRyjwEUhQ=="};
};

TEST_F(KeyRingTest, OpensWhatItSealed) {
  auto ring = Ring({1});
  for (const std::string& text :
       {std::string(), std::string("x"), std::string(10000, 'y'),
        std::string("\0\xff", 2)}) {
    const std::string sealed = ring->Seal(Secret(text), data_);
    EXPECT_EQ(sealed.size(), 1 + 4 + 12 + text.size() + 16);
    const absl::StatusOr<Secret> opened = ring->Open(sealed, data_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->Expose(), text);
  }
}

TEST_F(KeyRingTest, HasItsDocumentedForm) {
  auto ring = Ring({0x01020304});
  const std::string sealed = ring->Seal(value_, data_);
  EXPECT_EQ(sealed.substr(0, 5), std::string("\x01\x01\x02\x03\x04"));
  EXPECT_THAT(sealed, Not(HasSubstr(value_.Expose())));
}

TEST_F(KeyRingTest, NeverSealsTwiceTheSame) {
  auto ring = Ring({1});
  EXPECT_NE(ring->Seal(value_, data_), ring->Seal(value_, data_));
}

TEST_F(KeyRingTest, AMovedValueDoesNotOpen) {
  auto ring = Ring({1});
  const std::string sealed = ring->Seal(value_, data_);
  const std::vector<AssociatedData> others = {
      {"other", "sealed", {"wx1", "openid1"}},
      {"session_keys", "other", {"wx1", "openid1"}},
      {"session_keys", "sealed", {"wx2", "openid1"}},
      {"session_keys", "sealed", {"wx1", "openid2"}},
      {"session_keys", "sealed", {"openid1", "wx1"}},
      {"session_keys", "sealed", {"wx1"}},
      {"session_keys", "sealed", {"wx1", "openid1", ""}},
      // The same text, cut elsewhere.
      {"session_keys", "sealed", {"wx1o", "penid1"}},
      {"session_key", "ssealed", {"wx1", "openid1"}},
      {"", "", {}},
  };
  for (const AssociatedData& other : others)
    EXPECT_EQ(ring->Open(sealed, other).status().code(),
              absl::StatusCode::kDataLoss);
  EXPECT_TRUE(ring->Open(sealed, data_).ok());
}

TEST_F(KeyRingTest, AnyFlippedBitShows) {
  auto ring = Ring({1});
  const std::string sealed = ring->Seal(value_, data_);
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string changed = sealed;
    changed[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    const absl::StatusCode code = ring->Open(changed, data_).status().code();
    // A changed key id is a key that the ring lacks.
    const bool key_id = bit / 8 >= 1 && bit / 8 < 5;
    EXPECT_EQ(code, key_id ? absl::StatusCode::kNotFound
                           : absl::StatusCode::kDataLoss)
        << bit;
  }
}

TEST_F(KeyRingTest, AnotherKeysIdDoesNotHelp) {
  auto ring = Ring({1, 2});
  std::string sealed = ring->Seal(value_, data_);
  sealed[4] = 2;
  EXPECT_EQ(ring->Open(sealed, data_).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(KeyRingTest, EveryCutShows) {
  auto ring = Ring({1});
  const std::string sealed = ring->Seal(value_, data_);
  for (size_t size = 0; size < sealed.size(); ++size)
    EXPECT_EQ(ring->Open(sealed.substr(0, size), data_).status().code(),
              absl::StatusCode::kDataLoss);
  EXPECT_EQ(ring->Open(sealed + "x", data_).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(KeyRingTest, AnUnknownKeyIsNamed) {
  const std::string sealed = Ring({4711})->Seal(value_, data_);
  const absl::Status status = Ring({1})->Open(sealed, data_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("4711"));
}

TEST_F(KeyRingTest, RotationSealsWithTheFirstAndOpensWithAll) {
  const std::string old = Ring({1})->Seal(value_, data_);
  auto rotated = Ring({2, 1});
  EXPECT_EQ(rotated->Open(old, data_)->Expose(), value_.Expose());
  const std::string fresh = rotated->Seal(value_, data_);
  EXPECT_EQ(fresh[4], 2);
  EXPECT_TRUE(Ring({2})->Open(fresh, data_).ok());
  EXPECT_EQ(Ring({2})->Open(old, data_).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(KeyRingTest, AReplacementIsWhole) {
  auto ring = Ring({1});
  const std::string old = ring->Seal(value_, data_);
  ring->Replace(*Ring({3, 1, 2}));
  EXPECT_EQ(ring->sealing_key_id(), 3u);
  EXPECT_EQ(ring->key_ids(), std::vector<uint32_t>({3, 1, 2}));
  EXPECT_EQ(SealedKeyId(ring->Seal(value_, data_)), 3u);
  EXPECT_TRUE(ring->Open(old, data_).ok());
  ring->Replace(*Ring({2}));
  EXPECT_EQ(ring->Open(old, data_).status().code(),
            absl::StatusCode::kNotFound);
}

// Rings follow each other as an operator's do: each holds the next key before
// it seals, and for a while after.
TEST_F(KeyRingTest, RacersMeetWholeRingsAlone) {
  constexpr int kRotations = 400;
  auto ring = Ring({1, 2});
  std::atomic<bool> done{false};
  std::vector<std::thread> racers;
  for (int i = 0; i < 4; ++i)
    racers.emplace_back([&] {
      do {
        const std::string sealed = ring->Seal(value_, data_);
        const absl::StatusOr<Secret> opened = ring->Open(sealed, data_);
        // Two rotations may have come between.
        if (opened.ok())
          EXPECT_EQ(opened->Expose(), value_.Expose());
        else
          EXPECT_TRUE(absl::IsNotFound(opened.status()));
        EXPECT_EQ(ring->key_ids().size(), 2u);
      } while (!done);
    });
  for (uint32_t id = 2; id < kRotations; ++id)
    ring->Replace(*Ring({id, id + 1}));
  done = true;
  for (std::thread& racer : racers) racer.join();
  EXPECT_EQ(ring->sealing_key_id(), kRotations - 1u);
}

TEST_F(KeyRingTest, SealsUnderAnyOfItsKeys) {
  auto ring = Ring({2, 1});
  const absl::StatusOr<std::string> sealed = ring->SealUnder(1, value_, data_);
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ(SealedKeyId(*sealed), 1u);
  EXPECT_EQ(sealed->substr(0, 5), SealedPrefix(1));
  EXPECT_TRUE(Ring({1})->Open(*sealed, data_).ok());
  EXPECT_TRUE(absl::IsNotFound(ring->SealUnder(3, value_, data_).status()));
}

TEST_F(KeyRingTest, AValueThatIsTooShortNamesNoKey) {
  EXPECT_EQ(SealedKeyId(""), 0u);
  EXPECT_EQ(SealedKeyId(SealedPrefix(0xfffefdfc).substr(0, 4)), 0u);
  EXPECT_EQ(SealedKeyId(SealedPrefix(0xfffefdfc)), 0xfffefdfcu);
}

TEST_F(KeyRingTest, RefusesBadRings) {
  const auto create = [&](std::vector<KeyRing::Key> keys) {
    return KeyRing::Create(std::move(keys), random_).status().code();
  };
  EXPECT_EQ(create({}), kInvalid);
  EXPECT_EQ(create({Key(0)}), kInvalid);
  EXPECT_EQ(create({Key(1), Key(1)}), kInvalid);
  EXPECT_EQ(create({{1, Secret(std::string(31, 'x'))}}), kInvalid);
  EXPECT_EQ(create({{1, Secret(std::string(33, 'x'))}}), kInvalid);
  EXPECT_EQ(create({Key(1), Key(2)}), absl::StatusCode::kOk);
}

TEST_F(KeyRingTest, ReadsItsFile) {
  const std::string key = Base64Encode(std::string(32, 'k'));
  const absl::StatusOr<std::vector<KeyRing::Key>> keys = KeyRing::Parse(
      absl::StrCat("# ring\n\n7 ", key, "\r\n  8   ", key, "  \n"));
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ((*keys)[0].id, 7u);
  EXPECT_EQ((*keys)[1].id, 8u);
  EXPECT_EQ((*keys)[0].bytes.Expose(), std::string(32, 'k'));
}

TEST_F(KeyRingTest, NamesABadLineAndNotItsContent) {
  for (const char* line : {"canary", "x canary", "7", "7 canary",
                           "-1 YQ==", "99999999999 YQ==", "7 YQ==", "7 YQ"}) {
    const absl::Status status =
        KeyRing::Parse(absl::StrCat("# first\n", line, "\n")).status();
    EXPECT_EQ(status.code(), kInvalid) << line;
    EXPECT_THAT(std::string(status.message()), HasSubstr("line 2"));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("canary")));
  }
}

}  // namespace
}  // namespace wxident

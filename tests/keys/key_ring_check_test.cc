#include "server/keys/key_ring_check.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/error.h"
#include "tests/base/fake_clock.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_key_store.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class KeyRingCheckTest : public ::testing::Test {
 protected:
  using Counts = std::map<uint32_t, int64_t>;

  std::shared_ptr<KeyRing> Ring(const std::map<uint32_t, char>& keys) {
    std::vector<KeyRing::Key> list;
    for (const auto& [id, letter] : keys)
      list.push_back({id, Secret(std::string(32, letter))});
    return *KeyRing::Create(std::move(list), random_);
  }

  absl::StatusOr<Counts> Check(std::shared_ptr<KeyRing> ring) {
    absl::StatusOr<Counts> result = absl::UnknownError("not answered");
    CheckKeyRing(
        store_, std::move(ring), clock_,
        [&](absl::StatusOr<Counts> counts) { result = std::move(counts); });
    return result;
  }

  FakeClock clock_;
  FakeRandom random_;
  const std::shared_ptr<KeyRing> ring_ = Ring({{1, 'a'}});
  FakeKeyStore store_{*ring_};
};

TEST_F(KeyRingCheckTest, CountsAlsoWhatTheRingLacks) {
  for (int i = 0; i < 7; ++i) store_.Add("text");
  const absl::StatusOr<Counts> counts = Check(Ring({{2, 'b'}}));
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_THAT(*counts, ElementsAre(Pair(1, 7)));
}

TEST_F(KeyRingCheckTest, RefusesAnotherKeyUnderAKnownId) {
  store_.CheckCanaries(ring_, /*remember=*/true,
                       Deadline::After(absl::Seconds(1), clock_), [](auto) {});
  EXPECT_TRUE(Check(Ring({{1, 'a'}})).ok());
  EXPECT_TRUE(
      HasReason(Check(Ring({{1, 'b'}})).status(), Reason::kRequestInvalid));
}

TEST_F(KeyRingCheckTest, RemembersNothing) {
  EXPECT_TRUE(Check(Ring({{1, 'b'}})).ok());
  EXPECT_TRUE(Check(Ring({{1, 'a'}})).ok());
}

TEST_F(KeyRingCheckTest, WithoutADatabaseItSaysSo) {
  store_.Fail(1);
  EXPECT_TRUE(HasReason(Check(ring_).status(), Reason::kStoreUnavailable));
}

}  // namespace
}  // namespace wxident

#include "server/person/user_data.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "server/identity/error.h"
#include "tests/base/fake_clock.h"
#include "tests/fakes/fake_identity_store.h"
#include "tests/identity/authorized_for_test.h"

namespace wxident {
namespace {

class UserDataTest : public testing::Test {
 protected:
  UserDataTest() {
    data_.users["user"] = clock_.Now();
    data_.identities[{"app", "openid"}] = {"user", "", 1};
  }

  Deadline Soon() { return Deadline::After(absl::Seconds(3), clock_); }

  absl::StatusOr<std::optional<Erased>> Erase(UserQuery query) {
    absl::StatusOr<std::optional<Erased>> out = absl::UnknownError("none");
    user_data_.Erase(AuthorizedForTest::EveryApp(), std::move(query), Soon(),
                     [&](absl::StatusOr<std::optional<Erased>> erased) {
                       // What others hear of sessions from now on is true.
                       EXPECT_EQ(forgotten_, 1);
                       out = std::move(erased);
                     });
    return out;
  }

  FakeClock clock_;
  FakeStoreData data_{clock_};
  FakeIdentityStore identities_{data_};
  int forgotten_ = 0;
  UserData user_data_{identities_, [this] { ++forgotten_; }};
};

TEST_F(UserDataTest, ErasingForgetsSessionsBeforeItAnswers) {
  const auto erased = Erase(ByOpenid{"app", "openid"});
  ASSERT_TRUE(erased.ok());
  ASSERT_TRUE(erased->has_value());
  EXPECT_EQ((*erased)->user_id, "user");
  EXPECT_TRUE(data_.users.empty());
}

TEST_F(UserDataTest, ErasingForgetsSessionsAlsoWhenItMayHaveFailed) {
  identities_.FailWith(Error(Reason::kStoreUnavailable, "away").ToStatus());
  EXPECT_TRUE(
      HasReason(Erase(ByUserId{"user"}).status(), Reason::kStoreUnavailable));
}

TEST_F(UserDataTest, ExportsAUserOrNobody) {
  for (const char* id : {"user", "nobody"}) {
    bool answered = false;
    user_data_.Export(AuthorizedForTest::EveryApp(), id, Soon(),
                      [&](absl::StatusOr<std::optional<ExportedUser>> user) {
                        ASSERT_TRUE(user.ok());
                        EXPECT_EQ(user->has_value(), id == std::string("user"));
                        answered = true;
                      });
    EXPECT_TRUE(answered);
  }
  EXPECT_EQ(forgotten_, 0);
}

}  // namespace
}  // namespace wxident

#include "server/person/phones.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "server/base/metrics.h"
#include "server/base/wall_clocks.h"
#include "server/identity/error.h"
#include "tests/base/fake_clock.h"
#include "tests/base/fake_timer.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_credential_store.h"
#include "tests/fakes/fake_profile_store.h"
#include "tests/identity/authorized_for_test.h"
#include "tests/session/fake_wechat_api.h"

namespace wxident {
namespace {

using CodeUse = Phones::CodeUse;

class PhonesTest : public testing::Test {
 protected:
  PhonesTest() {
    data_.users["user"] = clock_.Now();
    data_.identities[{app_.app_id, "o1"}] = {"user", "", 1};
    wechat_.AddPhoneCode("code", "o1",
                         {.phone_number = Secret("13912345678"),
                          .pure_phone_number = Secret("13912345678"),
                          .country_code = "86",
                          .watermark_time = clock_.Now()});
  }
  ~PhonesTest() override { tokens_.Stop(); }

  // What becomes of the code.
  CodeUse Exchange(const std::string& openid = "o1") {
    std::optional<CodeUse> out;
    phones_.Exchange(AuthorizedForTest::OfPerson(app_, openid), Secret("code"),
                     Deadline::After(absl::Seconds(3), clock_),
                     [&](absl::StatusOr<Phone> phone, CodeUse use) {
                       EXPECT_FALSE(out.has_value());
                       answer_ = std::move(phone);
                       out = use;
                     });
    EXPECT_TRUE(out.has_value());
    return out.value_or(CodeUse::kUnsent);
  }

  FakeClock clock_;
  FakeTimer timer_{clock_};
  FakeRandom random_;
  Metrics metrics_;
  WallClocks wall_clocks_{clock_, metrics_};
  FakeWechatApi wechat_;
  FakeStoreData data_{clock_};
  FakeCredentialStore credentials_{data_};
  FakeProfileStore profiles_{data_};
  Apps apps_{{App{"wx1", AppKind::kMiniProgram, "main", Secret("s")}}};
  const App& app_ = *apps_.Find("wx1");
  TokenManager tokens_{apps_,  wechat_, credentials_, timer_,
                       clock_, random_, metrics_};
  DataOpener opener_{clock_, wall_clocks_, absl::Hours(1)};
  Phones phones_{opener_, tokens_, wechat_, profiles_};
  absl::StatusOr<Phone> answer_ = absl::UnknownError("not answered");
};

TEST_F(PhonesTest, ACodeBringsAPhoneThatIsStored) {
  EXPECT_EQ(Exchange(), CodeUse::kSpent);
  ASSERT_TRUE(answer_.ok()) << answer_.status();
  EXPECT_EQ(answer_->phone_number.Expose(), "13912345678");
  EXPECT_EQ(data_.phones.size(), 1u);
}

TEST_F(PhonesTest, WithoutAnAccessTokenTheCodeIsNotSent) {
  wechat_.FailNextAt("token",
                     Error(Reason::kWechatUnreachable, "away").ToStatus());
  EXPECT_EQ(Exchange(), CodeUse::kUnsent);
  EXPECT_TRUE(HasReason(answer_.status(), Reason::kWechatUnreachable));
  EXPECT_EQ(wechat_.calls("getuserphonenumber"), 0);
}

TEST_F(PhonesTest, ACodeWhoseAnswerIsLostMayBeSpent) {
  wechat_.FailNextAt("getuserphonenumber",
                     Error(Reason::kOutcomeUnknown, "lost").ToStatus());
  EXPECT_EQ(Exchange(), CodeUse::kMaybeSpent);
  EXPECT_TRUE(HasReason(answer_.status(), Reason::kOutcomeUnknown));
  EXPECT_TRUE(data_.phones.empty());
}

TEST_F(PhonesTest, ACodeWhosePhoneIsNotStoredIsSpent) {
  profiles_.FailWith(Error(Reason::kStoreUnavailable, "away").ToStatus());
  EXPECT_EQ(Exchange(), CodeUse::kSpent);
  EXPECT_TRUE(HasReason(answer_.status(), Reason::kStoreUnavailable));
  EXPECT_EQ(wechat_.calls("getuserphonenumber"), 1);
}

TEST_F(PhonesTest, AnothersCodeIsRefused) {
  EXPECT_EQ(Exchange("o2"), CodeUse::kMaybeSpent);
  EXPECT_TRUE(HasReason(answer_.status(), Reason::kRequestInvalid));
}

TEST_F(PhonesTest, WithoutSessionKeysNothingIsOpened) {
  std::optional<CodeUse> use;
  phones_.Decrypt(AuthorizedForTest::OfKeys(app_, {}), {"data", "iv"},
                  Deadline::After(absl::Seconds(3), clock_),
                  [&](absl::StatusOr<Phone> phone, CodeUse of) {
                    answer_ = std::move(phone);
                    use = of;
                  });
  EXPECT_EQ(use, CodeUse::kUnsent);
  EXPECT_TRUE(HasReason(answer_.status(), Reason::kSessionKeyStale));
}

}  // namespace
}  // namespace wxident

#include "tests/base/fake_clock.h"
#include "tests/fakes/fake_credential_store.h"
#include "tests/fakes/fake_grant_store.h"
#include "tests/fakes/fake_identity_store.h"
#include "tests/fakes/fake_profile_store.h"
#include "tests/fakes/fake_session_store.h"
#include "tests/store/credential_contract.h"
#include "tests/store/store_contract.h"

namespace wxident {
namespace {

class FakeHarness final : public StoreHarness {
 public:
  IdentityStore& identities() override { return identities_; }
  SessionStore& sessions() override { return sessions_; }
  ProfileStore& profiles() override { return profiles_; }
  CredentialStore& credentials() override { return credentials_; }
  GrantStore& grants() override { return grants_; }
  Clock& clock() override { return clock_; }
  void PassTime(absl::Duration by) override { clock_.Advance(by); }

  std::vector<std::string> Orphans() override {
    std::vector<std::string> orphans;
    for (const auto& [key, row] : data_.identities)
      if (data_.users.count(row.user_id) == 0) orphans.push_back("identity");
    for (const auto& [key, user_id] : data_.unions)
      if (data_.users.count(user_id) == 0) orphans.push_back("unionid");
    for (const auto& [id, user_id] : data_.forwards)
      if (data_.users.count(user_id) == 0) orphans.push_back("forward");
    for (const auto& [hash, row] : data_.sessions)
      if (data_.identities.count(row.identity) == 0)
        orphans.push_back("session");
    for (const auto& [key, row] : data_.answers)
      if (data_.sessions.count(row.token_hash) == 0)
        orphans.push_back("login answer");
    for (const auto& [key, row] : data_.grants)
      if (data_.identities.count(key) == 0) orphans.push_back("grant");
    return orphans;
  }

 private:
  FakeClock clock_;
  FakeStoreData data_{clock_};
  FakeIdentityStore identities_{data_};
  FakeSessionStore sessions_{data_};
  FakeProfileStore profiles_{data_};
  FakeCredentialStore credentials_{data_};
  FakeGrantStore grants_{data_};
};

std::unique_ptr<StoreHarness> MakeFakes() {
  return std::make_unique<FakeHarness>();
}

INSTANTIATE_TEST_SUITE_P(Fake, IdentityStoreContract,
                         ::testing::Values(&MakeFakes));
INSTANTIATE_TEST_SUITE_P(Fake, SessionStoreContract,
                         ::testing::Values(&MakeFakes));
INSTANTIATE_TEST_SUITE_P(Fake, ProfileStoreContract,
                         ::testing::Values(&MakeFakes));
INSTANTIATE_TEST_SUITE_P(Fake, GrantStoreContract,
                         ::testing::Values(&MakeFakes));
INSTANTIATE_TEST_SUITE_P(Fake, TokenFamilyContract,
                         ::testing::Values(&MakeFakes));
INSTANTIATE_TEST_SUITE_P(Fake, UserDataContract, ::testing::Values(&MakeFakes));
INSTANTIATE_TEST_SUITE_P(Fake, PersonContract, ::testing::Values(&MakeFakes));
INSTANTIATE_TEST_SUITE_P(Fake, CredentialStoreContract,
                         ::testing::Values(&MakeFakes));

TEST(FakeStores, FailAsTold) {
  FakeClock clock;
  FakeStoreData data(clock);
  FakeCredentialStore store(data);
  const auto read = [&] {
    return Await<std::vector<CredentialState>>([&](auto done) {
             store.Read({{{"wx1", CredentialKind::kStableToken}}},
                        Deadline::After(absl::Seconds(1), clock),
                        std::move(done));
           })
        .status();
  };
  store.FailWith(absl::UnavailableError("gone"));
  EXPECT_EQ(read(), absl::UnavailableError("gone"));
  store.FailWith(absl::OkStatus());
  EXPECT_TRUE(read().ok());
}

}  // namespace
}  // namespace wxident

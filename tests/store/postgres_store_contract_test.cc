#include "tests/store/credential_contract.h"
#include "tests/store/postgres_harness.h"
#include "tests/store/store_contract.h"

namespace wxident {
namespace {

std::unique_ptr<StoreHarness> ManyWorkers() {
  return std::make_unique<PostgresHarness>();
}

// Whatever is asked at once goes in batches.
std::unique_ptr<StoreHarness> OneWorker() {
  PgPool::Options options;
  options.workers = 1;
  return std::make_unique<PostgresHarness>(options);
}

std::string NameOf(const ::testing::TestParamInfo<StoreHarnessFactory>& info) {
  return info.index == 0 ? "ManyWorkers" : "OneWorker";
}

INSTANTIATE_TEST_SUITE_P(Postgres, IdentityStoreContract,
                         ::testing::Values(&ManyWorkers, &OneWorker), NameOf);
INSTANTIATE_TEST_SUITE_P(Postgres, SessionStoreContract,
                         ::testing::Values(&ManyWorkers, &OneWorker), NameOf);
INSTANTIATE_TEST_SUITE_P(Postgres, ProfileStoreContract,
                         ::testing::Values(&ManyWorkers, &OneWorker), NameOf);
INSTANTIATE_TEST_SUITE_P(Postgres, GrantStoreContract,
                         ::testing::Values(&ManyWorkers, &OneWorker), NameOf);
INSTANTIATE_TEST_SUITE_P(Postgres, TokenFamilyContract,
                         ::testing::Values(&ManyWorkers, &OneWorker), NameOf);
INSTANTIATE_TEST_SUITE_P(Postgres, UserDataContract,
                         ::testing::Values(&ManyWorkers, &OneWorker), NameOf);
INSTANTIATE_TEST_SUITE_P(Postgres, PersonContract,
                         ::testing::Values(&ManyWorkers, &OneWorker), NameOf);
INSTANTIATE_TEST_SUITE_P(Postgres, CredentialStoreContract,
                         ::testing::Values(&ManyWorkers, &OneWorker), NameOf);

}  // namespace
}  // namespace wxident

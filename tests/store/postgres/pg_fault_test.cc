// PostgreSQL restarted under load: no acknowledged login is lost, and the
// stores are back within 2 s of the database.

#include <atomic>

#include "server/identity/error.h"
#include "tests/store/postgres_harness.h"
#include "tests/store/store_contract.h"

namespace wxident {
namespace {

PrivatePostgres* cluster = nullptr;

std::unique_ptr<StoreHarness> Durable() {
  return std::make_unique<PostgresHarness>(PgPool::Options(), *cluster);
}

class PgFaultTest : public StoreContract {
 protected:
  static void SetUpTestSuite() {
    auto started = PrivatePostgres::Start(PrivatePostgres::Durability::kFull);
    ASSERT_TRUE(started.ok()) << started.status();
    cluster = started->release();
  }
  static void TearDownTestSuite() { delete std::exchange(cluster, nullptr); }

  void RestartUnderLoad(const std::string& mode) {
    std::atomic<bool> stop = false;
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> acknowledged;
    int unavailable = 0;
    std::vector<std::thread> callers;
    for (int t = 0; t < 16; ++t) {
      callers.emplace_back([&, t] {
        for (int i = 0; !stop; ++i) {
          const SignIn in = Login("wx1", absl::StrCat("o", t, "_", i));
          const auto answer = Record(in);
          std::lock_guard<std::mutex> lock(mutex);
          if (answer.ok())
            acknowledged.push_back(in.session_token_hash);
          else if (HasReason(answer.status(), Reason::kStoreUnavailable))
            ++unavailable;
          else
            ADD_FAILURE() << answer.status();
          changed.notify_one();
        }
      });
    }
    const auto await_logins = [&](size_t more) {
      std::unique_lock<std::mutex> lock(mutex);
      const size_t until = acknowledged.size() + more;
      changed.wait(lock, [&] { return acknowledged.size() >= until; });
    };
    await_logins(200);
    EXPECT_TRUE(cluster->Restart(mode).ok());
    const absl::Duration back = SystemClock().Monotonic();
    await_logins(200);
    EXPECT_LT(SystemClock().Monotonic() - back, absl::Seconds(2));
    stop = true;
    for (std::thread& caller : callers) caller.join();
    EXPECT_GT(unavailable, 0);
    for (const std::string& token_hash : acknowledged)
      EXPECT_TRUE(FindSession(token_hash).has_value());
  }
};
INSTANTIATE_TEST_SUITE_P(Postgres, PgFaultTest, ::testing::Values(&Durable));

TEST_P(PgFaultTest, AFastRestartLosesNoLogin) { RestartUnderLoad("fast"); }

TEST_P(PgFaultTest, ACrashLosesNoLogin) { RestartUnderLoad("immediate"); }

}  // namespace
}  // namespace wxident

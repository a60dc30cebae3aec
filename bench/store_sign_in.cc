// How much batching brings: logins a second that PostgreSQL records when one
// statement holds one login, and when it holds up to 64. The same pool, the
// same durable private cluster, one run.
//
//   WXIDENT_TOOLS_DIR=$PWD/.tools bazel run --config=release
//   //bench:store_sign_in

#include <benchmark/benchmark.h>

#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/crypto/blind_index.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/random.h"
#include "server/identity/ids.h"
#include "server/identity/session_token.h"
#include "server/store/postgres/person/pg_identity_store.h"
#include "server/store/postgres/pool/pg_connector.h"
#include "server/store/postgres/pool/pg_pool.h"
#include "tests/store/private_postgres.h"

namespace wxident {
namespace {

constexpr int kLogins = 4000;

PrivatePostgres& Cluster() {
  static std::unique_ptr<PrivatePostgres> cluster = [] {
    auto started = PrivatePostgres::Start(PrivatePostgres::Durability::kFull);
    if (!started.ok()) {
      std::cerr << started.status() << std::endl;
      std::exit(1);
    }
    return *std::move(started);
  }();
  return *cluster;
}

SignIn Login(int64_t person) {
  SignIn in;
  in.identity = {"wx1", absl::StrCat("openid", person),
                 absl::StrCat("unionid", person)};
  in.open_platform_account = "account";
  in.new_user_id = NewUserId(SystemClock().Now(), SystemRandom());
  in.token_salt = NewTokenSalt(SystemRandom());
  in.session_token_hash =
      *SessionTokenHash(LoginToken(in.token_salt, Secret("a code")).Expose());
  in.code_hash = SystemRandom().Bytes(32);
  in.session_ttl = absl::Hours(1);
  in.session_key = Secret("0123456789abcdef0123456=");
  in.exchanged_at = SystemClock().Now();
  return in;
}

// range(0): logins a statement may hold. range(1): 1 for people who were never
// seen, 0 for people who come back.
void BM_RecordSignIn(benchmark::State& state) {
  static int64_t next_person = 0;
  Metrics metrics;
  std::vector<KeyRing::Key> keys;
  keys.push_back({1, Secret(std::string(32, 'k'))});
  auto ring = *KeyRing::Create(std::move(keys), SystemRandom());
  const BlindIndex digest(1, Secret(std::string(32, 'd')));
  PgPool::Options options;
  options.workers = 4;
  options.queue_limit = kLogins;
  options.batch_limit = static_cast<int>(state.range(0));
  PgPool pool(*MakePgConnector(Cluster().server_url(), Secret()), options,
              SystemClock(), metrics);
  PgIdentityStore store(pool, *ring, digest);

  const auto record = [&](int64_t first_person) {
    std::mutex mutex;
    std::condition_variable changed;
    int left = kLogins;
    int failed = 0;
    for (int i = 0; i < kLogins; ++i) {
      store.RecordSignIn(Login(first_person + i),
                         Deadline::After(absl::Minutes(1), SystemClock()),
                         [&](absl::StatusOr<SignedIn> answer) {
                           std::lock_guard<std::mutex> lock(mutex);
                           failed += !answer.ok();
                           if (--left == 0) changed.notify_one();
                         });
    }
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return left == 0; });
    if (failed != 0) state.SkipWithError("a login failed");
  };

  int64_t person = next_person;
  if (state.range(1) == 0) record(person);
  for (auto _ : state) {
    record(person);
    if (state.range(1) == 1) person += kLogins;
  }
  next_person = person + kLogins;
  state.counters["logins"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kLogins,
                         benchmark::Counter::kIsRate);
}

BENCHMARK(BM_RecordSignIn)
    ->ArgNames({"batch", "new"})
    ->ArgsProduct({{1, 8, 64}, {0, 1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->MinTime(1);

}  // namespace
}  // namespace wxident

BENCHMARK_MAIN();

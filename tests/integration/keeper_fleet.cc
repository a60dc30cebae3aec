#include "tests/integration/keeper_fleet.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/integration/http_get.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;

// Keepers answer within 12 s.
constexpr absl::Duration kCallLimit = absl::Seconds(25);

// Calls under way. Their answers stay where they are until all have come.
class Calls {
 public:
  explicit Calls(size_t count) : answers_(count), contexts_(count) {}

  void Start(size_t i, Wxidentd& server, const std::string& app_id,
             const std::string& rejected) {
    contexts_[i] = Within(kCallLimit);
    v1::GetAccessTokenRequest& request = requests_.emplace_back();
    request.set_app_id(app_id);
    request.set_rejected_access_token(rejected);
    server.stub().async()->GetAccessToken(
        contexts_[i].get(), &request, &answers_[i].token,
        [this, i](grpc::Status status) {
          std::lock_guard<std::mutex> lock(mutex_);
          answers_[i].status = std::move(status);
          if (++ended_ == answers_.size()) all_ended_.notify_all();
        });
  }

  std::vector<TokenAnswer> Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    all_ended_.wait(lock, [this] { return ended_ == answers_.size(); });
    return std::move(answers_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_ended_;
  size_t ended_ = 0;
  std::vector<TokenAnswer> answers_;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts_;
  std::deque<v1::GetAccessTokenRequest> requests_;
};

std::string Describe(const TokenAnswer& answer) {
  return absl::StrCat(answer.status.error_code(), " ", ReasonOf(answer.status),
                      " ", answer.status.error_message());
}

}  // namespace

uint64_t TestSeed() {
  static const uint64_t seed = [] {
    uint64_t value = 0;
    const char* given = getenv("WXIDENT_TEST_SEED");
    if (given == nullptr || !absl::SimpleAtoi(given, &value))
      value = std::random_device()();
    std::cout << "seed " << value << std::endl;
    return value;
  }();
  return seed;
}

bool Eventually(absl::Duration limit, const std::function<bool()>& condition) {
  const Clock::time_point end =
      Clock::now() + absl::ToChronoMicroseconds(limit);
  while (!condition()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

Fleet::Fleet(World& world, size_t size, const How& how) : living_(size, true) {
  for (size_t i = 0; i < size; ++i)
    servers_.push_back(Wxidentd::Launch(
        world, how.flags,
        how.environment ? how.environment(i) : std::vector<std::string>()));
  for (const auto& server : servers_) server->WaitUntilListening();
}

Fleet::~Fleet() {
  for (size_t i = 0; i < size(); ++i)
    if (living_[i]) servers_[i]->Terminate();
  for (size_t i = 0; i < size(); ++i)
    if (living_[i])
      EXPECT_EQ(servers_[i]->process().Wait(), 0)
          << servers_[i]->process().log();
}

void Fleet::Kill(size_t i) {
  servers_[i]->Kill();
  living_[i] = false;
}

void Fleet::Stop(size_t i) {
  living_[i] = false;
  EXPECT_EQ(servers_[i]->Stop(), 0) << servers_[i]->process().log();
}

TokenAnswer Fleet::Ask(size_t server, const std::string& app_id,
                       const std::string& rejected) {
  Calls calls(1);
  calls.Start(0, *servers_[server], app_id, rejected);
  return calls.Wait().front();
}

std::vector<TokenAnswer> Fleet::AskAtOnce(size_t callers,
                                          const std::string& app_id,
                                          const std::string& rejected) {
  Calls calls(callers);
  size_t server = 0;
  for (size_t i = 0; i < callers; ++i) {
    while (!living_[server % size()]) ++server;
    calls.Start(i, *servers_[server++ % size()], app_id, rejected);
  }
  return calls.Wait();
}

std::vector<std::vector<TokenAnswer>> Fleet::AskAll(
    const std::vector<std::string>& apps) {
  std::vector<size_t> living;
  for (size_t i = 0; i < size(); ++i)
    if (living_[i]) living.push_back(i);
  Calls calls(apps.size() * living.size());
  for (size_t i = 0; i < living.size(); ++i)
    for (size_t app = 0; app < apps.size(); ++app)
      calls.Start(app * living.size() + i, *servers_[living[i]], apps[app], "");
  std::vector<TokenAnswer> flat = calls.Wait();
  std::vector<std::vector<TokenAnswer>> answers(apps.size());
  for (size_t i = 0; i < flat.size(); ++i)
    answers[i / living.size()].push_back(std::move(flat[i]));
  return answers;
}

v1::GetAccessTokenResponse Fleet::Agreed(const std::string& app_id,
                                         int64_t generation,
                                         absl::Duration limit) {
  std::vector<TokenAnswer> answers;
  const bool agreed = Eventually(limit, [&] {
    answers = AskAll({app_id}).front();
    for (const TokenAnswer& answer : answers)
      if (!answer.status.ok() || answer.token.generation() < generation ||
          answer.token.access_token() != answers[0].token.access_token())
        return false;
    return true;
  });
  if (!agreed)
    for (const TokenAnswer& answer : answers)
      ADD_FAILURE() << app_id << ", no agreement on generation " << generation
                    << ": " << Describe(answer) << " generation "
                    << answer.token.generation() << " "
                    << Simulator::DigestOf(answer.token.access_token());
  return answers[0].token;
}

double Fleet::Metric(const std::string& name) {
  double sum = 0;
  for (size_t i = 0; i < size(); ++i) {
    if (!living_[i]) continue;
    const std::optional<std::string> text =
        HttpGet(absl::StrCat("http://127.0.0.1:", servers_[i]->metrics_port(),
                             "/metrics"),
                absl::Seconds(20));
    if (!text.has_value()) {
      ADD_FAILURE() << "no metrics of server " << i;
      continue;
    }
    for (absl::string_view line : absl::StrSplit(*text, '\n')) {
      if (line.substr(0, name.size()) != name) continue;
      double value = 0;
      const absl::string_view digits =
          std::vector<absl::string_view>(absl::StrSplit(line, ' ')).back();
      if (absl::SimpleAtod(digits, &value)) sum += value;
    }
  }
  return sum;
}

std::vector<WorldApp> MakeTokenApps(size_t count) {
  std::vector<WorldApp> apps;
  for (size_t i = 0; i < count; ++i)
    apps.push_back({absl::StrCat("wxfeed", absl::Dec(i, absl::kZeroPad12)),
                    "mini_program", i % 2 == 0 ? "stable" : "ordinary"});
  return apps;
}

std::vector<std::string> IdsOf(const std::vector<WorldApp>& apps) {
  std::vector<std::string> ids;
  for (const WorldApp& app : apps) ids.push_back(app.id);
  return ids;
}

void ExpireTogether(World& world, Fleet& fleet,
                    const std::vector<WorldApp>& apps, int rounds) {
  const std::vector<std::string> ids = IdsOf(apps);
  std::mt19937_64 random(TestSeed());
  std::vector<int64_t> generations;
  for (const WorldApp& app : apps) {
    generations.push_back(fleet.Agreed(app.id, 1).generation());
    EXPECT_EQ(generations.back(), 1);
  }
  for (int round = 1; round <= rounds && !testing::Test::HasFailure();
       ++round) {
    // While WeChat takes its time, all others come and find the lease taken.
    world.sim().ClearFaults();
    world.sim().Fault({{"path", "*"}, {"latency_ms", 1 + random() % 60}});

    // 60 s before its end a token is no longer handed out unless it is the only
    // one: who asks then waits for the next. All servers have read when that
    // will be before it comes.
    constexpr absl::Duration kAhead = absl::Milliseconds(900);
    world.PassTime(absl::Seconds(7130));
    const Clock::time_point due =
        Clock::now() + absl::ToChronoMicroseconds(kAhead);
    world.Query(absl::StrCat(
        "UPDATE app_credentials SET refresh_at = now() + interval '",
        absl::ToInt64Milliseconds(kAhead),
        " ms', expires_at = now() + interval '60 s' + interval '",
        absl::ToInt64Milliseconds(kAhead), " ms' WHERE app_id LIKE 'wxfeed%'"));
    std::this_thread::sleep_until(due +
                                  std::chrono::microseconds(random() % 20'000));

    const auto current = [&](const std::vector<TokenAnswer>& answers,
                             size_t app) {
      for (const TokenAnswer& answer : answers)
        if (answer.status.ok() && answer.token.generation() <= generations[app])
          return false;
      return true;
    };
    std::vector<std::vector<TokenAnswer>> answers;
    EXPECT_TRUE(Eventually(absl::Seconds(15),
                           [&] {
                             answers = fleet.AskAll(ids);
                             for (size_t app = 0; app < apps.size(); ++app)
                               if (!current(answers[app], app)) return false;
                             return true;
                           }))
        << "round " << round << ": no new token";
    for (size_t app = 0; app < apps.size(); ++app) {
      const std::string what =
          absl::StrCat("round ", round, ", ", apps[app].token_mode, " app ",
                       apps[app].id, ": ");
      const Simulator::Tokens tokens =
          world.sim().TokensOf(apps[app].id, apps[app].token_mode);
      EXPECT_EQ(tokens.issued, round + 1) << what << "issued";
      for (const TokenAnswer& answer : answers[app]) {
        EXPECT_TRUE(answer.status.ok()) << what << Describe(answer);
        EXPECT_EQ(answer.token.generation(), generations[app] + 1) << what;
        EXPECT_EQ(Simulator::DigestOf(answer.token.access_token()),
                  tokens.newest)
            << what << "not the newest";
      }
      ++generations[app];
    }
  }
  for (const WorldApp& app : apps) {
    const std::vector<nlohmann::json> calls = world.sim().TokenCalls(app.id);
    EXPECT_EQ(calls.size(), static_cast<size_t>(rounds) + 1) << app.id;
    std::set<std::string> digests;
    for (const nlohmann::json& call : calls)
      digests.insert(call.at("given").at("digest").get<std::string>());
    EXPECT_EQ(digests.size(), calls.size()) << app.id;
  }
  world.sim().ClearFaults();
}

void ReportDeadToken(World& world, Fleet& fleet, const WorldApp& app,
                     size_t callers) {
  const bool stable = app.token_mode == "stable";
  const v1::GetAccessTokenResponse first = fleet.Agreed(app.id, 1);
  EXPECT_EQ(first.generation(), 1);
  // Refused, though WeChat's token endpoint knows nothing of it: stable_token
  // gives it once more, and has to be forced.
  const auto report = [&](const std::string& rejected, int64_t generation) {
    const std::vector<TokenAnswer> answers =
        fleet.AskAtOnce(callers, app.id, rejected);
    const Simulator::Tokens tokens =
        world.sim().TokensOf(app.id, app.token_mode);
    for (const TokenAnswer& answer : answers) {
      EXPECT_TRUE(answer.status.ok()) << app.id << ": " << Describe(answer);
      EXPECT_EQ(answer.token.generation(), generation) << app.id;
      EXPECT_EQ(Simulator::DigestOf(answer.token.access_token()), tokens.newest)
          << app.id;
      if (testing::Test::HasFailure()) return;
    }
  };
  const auto calls = [&] { return world.sim().TokenCalls(app.id).size(); };

  report(first.access_token(), 2);
  EXPECT_EQ(calls(), stable ? 3u : 2u) << app.id;
  if (stable) EXPECT_EQ(world.sim().TokensOf(app.id, "stable").forced_today, 1);

  // Dead because somebody else replaced it. Stable: forced, more than 30 s
  // after the last one; ordinary: two more, so that the old one is dead.
  world.PassTime(absl::Minutes(6));
  const v1::GetAccessTokenResponse second = fleet.Agreed(app.id, 2);
  world.sim().FetchToken(app.id, AppSecret(app.id), app.token_mode,
                         /*force=*/true);
  if (!stable) world.PassTime(absl::Minutes(6));
  const std::vector<std::string> accepted =
      world.sim().TokensOf(app.id, app.token_mode).accepted;
  EXPECT_EQ(std::count(accepted.begin(), accepted.end(),
                       Simulator::DigestOf(second.access_token())),
            0)
      << app.id << ": not dead";
  const size_t before = calls();
  report(second.access_token(), 3);
  EXPECT_EQ(calls(), before + 1) << app.id;

  report(first.access_token(), 3);
  report(second.access_token(), 3);
  EXPECT_EQ(calls(), before + 1) << app.id << ": a refresh for a former token";
}

}  // namespace wxident

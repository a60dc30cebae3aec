// Each attack of the table against a real wxidentd, while an honest caller goes
// on calling: memory stays bounded, the caller is served as before, and new
// connections come about.

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/hostile/attacks.h"
#include "tests/hostile/bystander.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

// An honest call may take twice as long as without an attack. Below kNoticeable
// it is not looked at: whatever else the machine does makes single calls wait
// so long.
constexpr int kMostMib = 512;
constexpr absl::Duration kNewConnection = absl::Seconds(1);
constexpr absl::Duration kNoticeable = absl::Milliseconds(50);

// Puts this thread, and all that it starts from now on, on one of two cores.
// The attacker has one of its own, as on another host it would; as the other's
// equal it would make calls wait whomever it attacks.
enum class Core { kAttackers, kServersAndCallers };
void MoveTo(Core core) {
  static const std::vector<int> cores = [] {
    cpu_set_t all;
    CPU_ZERO(&all);
    sched_getaffinity(0, sizeof(all), &all);
    std::vector<int> out;
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(i, &all)) out.push_back(i);
    return out;
  }();
  if (cores.size() < 2) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core == Core::kAttackers ? cores.front() : cores.back(), &one);
  sched_setaffinity(0, sizeof(one), &one);
}

class HostileTest : public testing::TestWithParam<Attack> {
 protected:
  static void SetUpTestSuite() {
    MoveTo(Core::kServersAndCallers);
    world_ = std::make_unique<World>();
    server_ = Wxidentd::Launch(
        *world_, {},
        {"ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:quarantine_size_mb=16"});
    server_->WaitUntilListening();
    bystander_ = std::make_unique<Bystander>(server_->addr());
    // The first calls wait for connections, to the database too.
    absl::SleepFor(absl::Seconds(2));
    bystander_->Take();
    absl::SleepFor(absl::Seconds(5));
    const Bystander::Seen seen = bystander_->Take();
    ASSERT_EQ(seen.failure, "");
    ASSERT_GT(seen.calls, 10);
    usual_p99_ = seen.p99;
  }

  static void TearDownTestSuite() {
    bystander_.reset();
    EXPECT_EQ(server_->Stop(), 0) << server_->process().log();
    server_.reset();
    world_.reset();
  }

  static Outcome Run(const Attack& attack, const Target& target) {
    Outcome outcome;
    std::thread attacker([&] {
      MoveTo(Core::kAttackers);
      outcome = attack.run(target, absl::Now() + attack.time);
    });
    attacker.join();
    return outcome;
  }

  // The most memory that the server has had so far.
  static int PeakMib() {
    std::ifstream status(
        absl::StrCat("/proc/", server_->process().pid(), "/status"));
    std::string line;
    while (std::getline(status, line))
      if (line.rfind("VmHWM:", 0) == 0) return std::stoi(line.substr(6)) / 1024;
    ADD_FAILURE() << "the server has gone:\n" << server_->process().log();
    return 0;
  }

  static std::unique_ptr<World> world_;
  static std::unique_ptr<Wxidentd> server_;
  static std::unique_ptr<Bystander> bystander_;
  static absl::Duration usual_p99_;
  static int attacker_;
};

std::unique_ptr<World> HostileTest::world_;
std::unique_ptr<Wxidentd> HostileTest::server_;
std::unique_ptr<Bystander> HostileTest::bystander_;
absl::Duration HostileTest::usual_p99_;
int HostileTest::attacker_ = 0;

TEST_P(HostileTest, HurtsNobodyElse) {
  const Attack& attack = GetParam();
  const int before = PeakMib();
  bystander_->Take();

  const Target target{server_->addr(), absl::StrCat("127.0.1.", ++attacker_)};
  Outcome outcome = Run(attack, target);
  // On a machine that does much else, the server may not have come to it yet.
  for (int i = 0; i < 10 && attack.must_be_closed && outcome.closed == 0; ++i)
    outcome = Run(attack, target);

  const Bystander::Seen seen = bystander_->Take();
  const int after = PeakMib();
  std::cout << attack.name << ": " << outcome.connections << " connections, "
            << outcome.closed << " closed; peak " << after << " MiB; "
            << seen.calls << " calls, p99 " << seen.p99 << " (usual "
            << usual_p99_ << ")\n";

  EXPECT_EQ(seen.failure, "");
  EXPECT_LE(seen.p99, std::max(2 * usual_p99_, kNoticeable));
  // An attack is not to blame for the one before.
  if (before <= kMostMib) EXPECT_LE(after, kMostMib);
  EXPECT_GT(outcome.connections, 0);
  if (attack.must_be_closed) EXPECT_GT(outcome.closed, 0);
  EXPECT_NE(outcome.heard.find(attack.answer), std::string::npos)
      << outcome.heard;

  const grpc::Status anew = CallAnew(server_->addr(), kNewConnection);
  EXPECT_TRUE(anew.ok()) << anew.error_message();
}

std::string NameOf(const testing::TestParamInfo<Attack>& info) {
  return info.param.name;
}

std::vector<Attack> AllAttacks() {
  std::vector<Attack> all;
  for (const auto& some :
       {StreamAttacks(), FrameAttacks(), RequestAttacks(), ConnectionAttacks()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, HostileTest, testing::ValuesIn(AllAttacks()),
                         NameOf);

}  // namespace
}  // namespace wxident

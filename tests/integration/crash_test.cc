// What was acknowledged stays, whatever dies.

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::string> MakeCodes(Simulator& sim, int count) {
  std::vector<std::string> codes;
  for (int i = 0; i < count; ++i)
    codes.push_back(sim.LoginCode(kMiniProgram, absl::StrCat("user", i)));
  return codes;
}

// Logs in from several threads, each code once; tells what was acknowledged.
class Load {
 public:
  Load(Wxidentd& server, std::vector<std::string> codes)
      : server_(server), codes_(std::move(codes)) {
    for (int i = 0; i < 16; ++i) threads_.emplace_back([this] { Run(); });
  }

  int acknowledged() const { return acknowledged_.load(); }

  // Waits for the end; the session tokens that were given.
  std::vector<std::string> Join() {
    for (std::thread& thread : threads_) thread.join();
    return tokens_;
  }

  // The errors that came, by reason or, without one, gRPC's text.
  std::vector<std::string> errors() const { return errors_; }

 private:
  void Run() {
    while (true) {
      const size_t i = next_++;
      if (i >= codes_.size()) return;
      v1::LoginResponse response;
      const grpc::Status status = Login(server_.stub(), codes_[i], &response);
      std::lock_guard<std::mutex> lock(mutex_);
      if (status.ok()) {
        tokens_.push_back(response.session_token());
        ++acknowledged_;
      } else {
        errors_.push_back(absl::StrCat(status.error_code(), " ",
                                       ReasonOf(status), " ",
                                       status.error_message()));
      }
    }
  }

  Wxidentd& server_;
  const std::vector<std::string> codes_;
  std::atomic<size_t> next_{0};
  std::atomic<int> acknowledged_{0};
  std::mutex mutex_;
  std::vector<std::string> tokens_;
  std::vector<std::string> errors_;
  std::vector<std::thread> threads_;
};

int Active(Wxidentd& server, const std::vector<std::string>& tokens) {
  int active = 0;
  for (const std::string& token : tokens) {
    v1::ValidateSessionRequest ask;
    ask.set_session_token(token);
    ask.set_strong(true);
    v1::ValidateSessionResponse answer;
    const grpc::Status status =
        server.stub().ValidateSession(Within().get(), ask, &answer);
    EXPECT_TRUE(status.ok()) << status.error_message();
    if (answer.active()) ++active;
  }
  return active;
}

TEST(CrashTest, AKilledServerLosesNoAcknowledgedLogin) {
  World world;
  auto server = std::make_unique<Wxidentd>(world);
  Load load(*server, MakeCodes(world.sim(), 2000));
  while (load.acknowledged() < 700) std::this_thread::yield();
  server->Kill();
  const std::vector<std::string> tokens = load.Join();
  EXPECT_GE(tokens.size(), 700u);
  EXPECT_LT(tokens.size(), 2000u) << "it was killed too late";

  server = std::make_unique<Wxidentd>(world);
  EXPECT_EQ(Active(*server, tokens), static_cast<int>(tokens.size()));
}

TEST(CrashTest, APostgresRestartLosesNoAcknowledgedLogin) {
  for (const char* mode : {"fast", "immediate"}) {
    World world(PrivatePostgres::Durability::kFull);
    Wxidentd server(world);
    Load load(server, MakeCodes(world.sim(), 3000));
    while (load.acknowledged() < 300) std::this_thread::yield();
    ASSERT_TRUE(world.postgres().Restart(mode).ok());
    const Clock::time_point back = Clock::now();
    // A login works again soon after the database is back.
    int tries = 0;
    grpc::Status status;
    do {
      v1::LoginResponse response;
      status = Login(
          server.stub(),
          world.sim().LoginCode(kMiniProgram, absl::StrCat("back", ++tries)),
          &response);
    } while (!status.ok() && Clock::now() - back < std::chrono::seconds(30));
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_LT(Clock::now() - back, std::chrono::seconds(2)) << mode;

    const std::vector<std::string> tokens = load.Join();
    EXPECT_GE(tokens.size(), 300u);
    EXPECT_EQ(Active(server, tokens), static_cast<int>(tokens.size())) << mode;
    for (const std::string& error : load.errors())
      EXPECT_NE(error.find("14 STORE_UNAVAILABLE"), std::string::npos) << error;
    EXPECT_EQ(server.Stop(), 0);
  }
}

TEST(CrashTest, AnUnavailableDatabaseCostsNoCode) {
  World world;
  Wxidentd server(world);
  const std::string code = world.sim().LoginCode(kMiniProgram, "patient");
  // Every connection of the server is cut, and none is let in.
  world.Query("ALTER DATABASE wxident CONNECTION LIMIT 0");
  world.Query(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
      "WHERE datname = 'wxident' AND pid <> pg_backend_pid()");
  v1::LoginResponse response;
  grpc::Status status = Login(server.stub(), code, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "STORE_UNAVAILABLE");
  world.Query("ALTER DATABASE wxident CONNECTION LIMIT -1");
  const Clock::time_point back = Clock::now();
  do {
    status = Login(server.stub(), code, &response);
  } while (!status.ok() && Clock::now() - back < std::chrono::seconds(30));
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(world.sim().Calls("/sns/jscode2session"), 1);
}

TEST(CrashTest, SigtermCutsNoCall) {
  World world;
  Wxidentd server(world);
  // Every call is under way at WeChat for a while.
  world.sim().Fault({{"path", "/sns/jscode2session"}, {"latency_ms", 300}});
  const std::vector<std::string> codes = MakeCodes(world.sim(), 16);
  std::vector<grpc::Status> statuses(codes.size());
  std::vector<std::thread> callers;
  for (size_t i = 0; i < codes.size(); ++i)
    callers.emplace_back([&, i] {
      v1::LoginResponse response;
      statuses[i] = Login(server.stub(), codes[i], &response);
    });
  while (world.sim().Calls("/sns/jscode2session") < 16)
    std::this_thread::yield();
  EXPECT_EQ(server.Stop(), 0);
  for (std::thread& caller : callers) caller.join();
  for (const grpc::Status& status : statuses)
    EXPECT_TRUE(status.ok()) << status.error_message();
}

}  // namespace
}  // namespace wxident

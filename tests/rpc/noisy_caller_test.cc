// One noisy caller, and what another one notices of it.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/base/clock.h"
#include "tests/fakes/forwarding_session_store.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

using Time = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr char kQuiet[] = "spiffe://corp/quiet";
constexpr char kNoisy[] = "spiffe://corp/noisy";
constexpr int kNoise = 50;
constexpr int kRounds = 120;
// What one look-up takes of a database that does one at a time. The noise alone
// would keep it busy for two seconds a round.
constexpr auto kLookUp = std::chrono::milliseconds(40);

// A database with one worker.
class BusySessions final : public ForwardingSessionStore {
 public:
  using ForwardingSessionStore::ForwardingSessionStore;
  ~BusySessions() override {
    Add(nullptr);
    worker_.join();
  }

  void FindSession(std::string token_hash, Deadline deadline,
                   Done<std::optional<Session>> done) override {
    auto shared =
        std::make_shared<Done<std::optional<Session>>>(std::move(done));
    Add([=, this, hash = std::move(token_hash)] {
      std::this_thread::sleep_for(kLookUp);
      store_.FindSession(hash, deadline, std::move(*shared));
    });
  }

 private:
  void Add(std::function<void()> work) {
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(std::move(work));
    changed_.notify_one();
  }
  void Run() {
    while (true) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return !waiting_.empty(); });
      const std::function<void()> work = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      if (work == nullptr) return;
      work();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::thread worker_{[this] { Run(); }};
};

class NoisyCallerTest : public ServiceTest {
 protected:
  ~NoisyCallerTest() override { StopServer(*busy_server_); }

  static Policy MakePolicy() {
    return {.allow = {{"spiffe://corp/*", {"ValidateSession"}, {}}},
            .limits = {{.caller = kNoisy, .rate = 2, .burst = 2}}};
  }

  struct AsyncCall {
    grpc::ClientContext context;
    v1::ValidateSessionResponse response;
    grpc::Status status;
  };

  // Each round: so many calls of the noisy caller at once and one of the quiet
  // one behind them; when all are answered, the next round. Gives how long the
  // quiet one's calls took, sorted.
  std::vector<double> Rounds(const std::string& token, int noise) {
    v1::ValidateSessionRequest request;
    request.set_session_token(token);
    request.set_strong(true);
    std::vector<double> took;
    for (int round = 0; round < kRounds; ++round) {
      std::mutex mutex;
      std::condition_variable ended;
      int running = noise;
      std::vector<std::unique_ptr<AsyncCall>> calls;
      for (int i = 0; i < noise; ++i) {
        calls.push_back(std::make_unique<AsyncCall>());
        AsyncCall& call = *calls.back();
        call.context.AddMetadata("test-caller", kNoisy);
        busy_stub_->async()->ValidateSession(
            &call.context, &request, &call.response,
            [&](const grpc::Status& status) {
              std::lock_guard<std::mutex> lock(mutex);
              call.status = status;
              if (--running == 0) ended.notify_one();
            });
      }
      AsyncCall quiet;
      quiet.context.AddMetadata("test-caller", kQuiet);
      quiet.context.set_deadline(std::chrono::system_clock::now() +
                                 std::chrono::seconds(10));
      const auto began = Time::now();
      const grpc::Status status =
          busy_stub_->ValidateSession(&quiet.context, request, &quiet.response);
      took.push_back(Milliseconds(Time::now() - began).count());
      EXPECT_TRUE(status.ok()) << ReasonOf(status);
      EXPECT_TRUE(quiet.response.active());
      std::unique_lock<std::mutex> lock(mutex);
      ended.wait(lock, [&] { return running == 0; });
      for (const auto& call : calls) {
        if (call->status.ok()) {
          ++admitted_;
          continue;
        }
        ++limited_;
        EXPECT_EQ(ReasonOf(call->status), "CALLER_RATE_LIMITED");
      }
    }
    std::sort(took.begin(), took.end());
    return took;
  }

  static double P99(const std::vector<double>& sorted) {
    return sorted[sorted.size() * 99 / 100];
  }

  BusySessions busy_{sessions_};
  SessionCache busy_checks_{busy_, clock_};
  AccessControl limited_access_{MakePolicy(), SystemClock(), metrics_};
  std::unique_ptr<EdgeServer> busy_server_ = Serve(
      IdentityMethods(MakeServices(limited_access_, busy_, busy_checks_)));
  std::unique_ptr<v1::IdentityService::Stub> busy_stub_ =
      v1::IdentityService::NewStub(ChannelTo(*busy_server_));
  int admitted_ = 0;
  int limited_ = 0;
};

TEST_F(NoisyCallerTest, ANoisyCallerIsLimitedAndAQuietOneHardlyNotices) {
  const std::string token = LogIn();
  const auto began = Time::now();
  const std::vector<double> alone = Rounds(token, 0);
  const std::vector<double> beside = Rounds(token, kNoise);
  const double seconds =
      std::chrono::duration<double>(Time::now() - began).count();
  std::cout << "quiet caller, ms: alone p50 " << alone[kRounds / 2] << " p99 "
            << P99(alone) << "; beside " << kNoise
            << " times as many calls p50 " << beside[kRounds / 2] << " p99 "
            << P99(beside) << "; noisy: " << admitted_ << " admitted, "
            << limited_ << " limited\n";
  EXPECT_EQ(admitted_ + limited_, kRounds * kNoise);
  // Its rate and its burst.
  EXPECT_LE(admitted_, 2 * seconds + 2);
  EXPECT_GT(limited_, kRounds * kNoise / 2);
  // Unlimited noise makes it 2 s and more. The slack is for the cores, which
  // the clients share with the server and with whatever else the machine does.
  EXPECT_LE(P99(beside), 1.5 * P99(alone) + 1000);
}

}  // namespace
}  // namespace wxident

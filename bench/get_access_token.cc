// How many GetAccessToken calls a second the server answers from memory, beside
// a service that answers a constant of the same size without looking at
// anything. Both run in this process behind a gRPC server each, under the same
// load, in turns; README.md tells how to read it.

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/access/access_control.h"
#include "server/access/policy.h"
#include "server/audit/audit_log.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/base/timer.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/random.h"
#include "server/keeper/token_keeper.h"
#include "server/keys/resealer.h"
#include "server/keys/ring_reload.h"
#include "server/rpc/caller.h"
#include "server/rpc/identity_service.h"
#include "server/session/code_logins.h"
#include "server/session/oauth_grants.h"
#include "server/session/refusal_limit.h"
#include "server/session/session_checks.h"
#include "tests/fakes/fake_credential_store.h"
#include "tests/fakes/fake_grant_store.h"
#include "tests/fakes/fake_identity_store.h"
#include "tests/fakes/fake_key_store.h"
#include "tests/fakes/fake_profile_store.h"
#include "tests/fakes/fake_session_store.h"
#include "tests/session/fake_wechat_api.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident {
namespace {

constexpr char kApp[] = "wx4f4bc4dec97d474b";
constexpr int kRounds = 5;
constexpr auto kRoundTime = std::chrono::seconds(2);

// Answers what it is told to, and does nothing else.
class Echo final : public v1::IdentityService::CallbackService {
 public:
  v1::GetAccessTokenResponse answer;

  grpc::ServerUnaryReactor* GetAccessToken(
      grpc::CallbackServerContext* context,
      const v1::GetAccessTokenRequest* request,
      v1::GetAccessTokenResponse* response) override {
    (void)request;
    *response = answer;
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

// One caller that has the next call made as soon as the last one is answered.
class Caller {
 public:
  Caller(v1::IdentityService::Stub& stub, std::atomic<bool>& stop)
      : stub_(stub), stop_(stop) {
    request_.set_app_id(kApp);
  }

  void Start() {
    context_ = std::make_unique<grpc::ClientContext>();
    stub_.async()->GetAccessToken(
        context_.get(), &request_, &response_,
        [this](const grpc::Status& status) { OnAnswer(status); });
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    ended_.wait(lock, [this] { return end_; });
  }
  int64_t answered = 0;

 private:
  void OnAnswer(const grpc::Status& status) {
    if (!status.ok() || response_.access_token().empty()) {
      std::fprintf(stderr, "a call failed: %s\n",
                   status.error_message().c_str());
      std::exit(1);
    }
    ++answered;
    if (!stop_.load(std::memory_order_relaxed)) return Start();
    std::lock_guard<std::mutex> lock(mutex_);
    end_ = true;
    ended_.notify_all();
  }

  v1::IdentityService::Stub& stub_;
  std::atomic<bool>& stop_;
  v1::GetAccessTokenRequest request_;
  v1::GetAccessTokenResponse response_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
};

// A service behind a port of its own.
class Served {
 public:
  explicit Served(grpc::Service& service) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
    for (int i = 0; i < 2; ++i) {
      grpc::ChannelArguments arguments;
      // A connection each.
      arguments.SetInt("channel", i);
      stubs_.push_back(v1::IdentityService::NewStub(grpc::CreateCustomChannel(
          absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials(),
          arguments)));
    }
  }

  struct Pace {
    double calls_per_second;
    // Of this process, so of both ends of the call.
    double cpu_us;
  };
  // With so many callers.
  Pace Load(int callers) {
    std::atomic<bool> stop{false};
    std::vector<std::unique_ptr<Caller>> all;
    for (int i = 0; i < callers; ++i)
      all.push_back(std::make_unique<Caller>(*stubs_[i % 2], stop));
    const double cpu_began = CpuUs();
    const auto began = std::chrono::steady_clock::now();
    for (auto& caller : all) caller->Start();
    std::this_thread::sleep_for(kRoundTime);
    stop = true;
    for (auto& caller : all) caller->Wait();
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - began;
    int64_t answered = 0;
    for (auto& caller : all) answered += caller->answered;
    return {static_cast<double>(answered) / took.count(),
            (CpuUs() - cpu_began) / static_cast<double>(answered)};
  }

 private:
  static double CpuUs() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return absl::ToDoubleMicroseconds(absl::DurationFromTimespec(used));
  }

  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<v1::IdentityService::Stub>> stubs_;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main() {
  Clock& clock = SystemClock();
  Random& random = SystemRandom();
  Metrics metrics;
  ThreadTimer timer;
  FakeWechatApi wechat;
  FakeStoreData data(clock);
  FakeIdentityStore identities(data);
  FakeSessionStore sessions(data);
  FakeProfileStore profiles(data);
  FakeGrantStore grant_store(data);
  FakeCredentialStore credentials(data);
  Apps apps({App{kApp, AppKind::kMiniProgram, "main", Secret("s"),
                 TokenMode::kStable}});
  CodeLogins logins(wechat, identities, timer, clock, random);
  SessionChecks checks(sessions, clock);
  RefusalLimit refusals(clock);
  OauthGrants grants(apps, wechat, grant_store, clock);
  LoopbackCallers callers;
  AccessControl access(
      Policy{.allow = {{.caller = "loopback", .methods = {"GetAccessToken"}}}},
      clock, metrics);
  std::vector<KeyRing::Key> keys;
  keys.push_back({1, Secret(std::string(32, 'k'))});
  auto key_ring = *KeyRing::Create(keys, random);
  FakeKeyStore key_store(*key_ring);
  RingReload ring_reload(
      *key_ring, [&] { return keys; }, key_store, random, clock, metrics);
  Resealer resealer(key_store, *key_ring, timer, clock, metrics);
  TokenKeeper tokens(apps, wechat, credentials, timer, clock, random, metrics);
  tokens.Start();
  Services services{
      .callers = callers,
      .access = access,
      .audit = nullptr,
      .audit_required = false,
      .key_ring = *key_ring,
      .keys = key_store,
      .ring_reload = ring_reload,
      .resealer = resealer,
      .apps = apps,
      .logins = logins,
      .session_checks = checks,
      .refusals = refusals,
      .grants = grants,
      .tokens = tokens,
      .identities = identities,
      .sessions = sessions,
      .profiles = profiles,
      .wechat = wechat,
      .clock = clock,
      .random = random,
      .metrics = metrics,
      .default_session_ttl = absl::Hours(1),
      .max_session_ttl = absl::Hours(1),
      .session_max_age = absl::Hours(1),
      .session_refresh_overlap = absl::Seconds(30),
      .open_data_max_age = absl::Hours(24),
  };
  std::unique_ptr<grpc::Service> service = MakeIdentityService(services);
  const std::string file = (std::filesystem::temp_directory_path() /
                            absl::StrCat("wxident-bench-audit.", getpid()))
                               .string();
  auto log = AuditLog::Open({.path = file, .key = Secret(std::string(32, 'a'))},
                            clock, metrics);
  if (!log.ok()) {
    std::fprintf(stderr, "%s\n", log.status().ToString().c_str());
    return 1;
  }
  services.audit = log->get();
  services.audit_required = true;
  std::unique_ptr<grpc::Service> audited = MakeIdentityService(services);
  Echo echo;
  echo.answer.set_access_token("token_1");
  echo.answer.mutable_expire_time()->set_seconds(1'800'000'000);
  echo.answer.set_generation(1);
  echo.answer.set_kind(v1::ACCESS_TOKEN_KIND_APP);
  Served real(*service);
  Served real_audited(*audited);
  Served bare(echo);

  std::printf("%8s%s%s%s\n", "", "        not audited       ",
              "          audited         ", "     bare echo");
  std::printf("%8s", "callers");
  for (int i = 0; i < 2; ++i)
    std::printf(" %9s %6s %8s", "calls/s", "ratio", "CPU us");
  std::printf(" %9s %8s\n", "calls/s", "CPU us");
  for (int load : {1, 16, 128}) {
    std::vector<double> speed[3], cpu[3], ratios[2];
    Served* served[] = {&real, &real_audited, &bare};
    // The first connects, and fetches the token.
    for (Served* one : served) one->Load(load);
    for (int round = 0; round < kRounds; ++round) {
      for (int i = 0; i < 3; ++i) {
        const Served::Pace pace = served[i]->Load(load);
        speed[i].push_back(pace.calls_per_second);
        cpu[i].push_back(pace.cpu_us);
      }
      for (int i = 0; i < 2; ++i)
        ratios[i].push_back(speed[i].back() / speed[2].back());
    }
    std::printf("%8d", load);
    for (int i = 0; i < 2; ++i)
      std::printf(" %9.0f %6.2f %8.1f", Median(speed[i]), Median(ratios[i]),
                  Median(cpu[i]));
    std::printf(" %9.0f %8.1f\n", Median(speed[2]), Median(cpu[2]));
    std::fflush(stdout);
  }
  std::filesystem::remove(file);
  return 0;
}

}  // namespace
}  // namespace wxident

int main() { return wxident::Main(); }

// How many GetAccessToken calls a second the server answers from memory, beside
// a service that answers a constant of the same size without looking at
// anything. Both run in this process on a port each, under the same load, in
// turns; README.md tells how to read it.

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/call_load.h"
#include "server/audit/audit_log.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/base/timer.h"
#include "server/base/wall_clocks.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/random.h"
#include "server/edge/edge_server.h"
#include "server/keeper/token_manager.h"
#include "server/keys/key_ring_reload.h"
#include "server/keys/reencryptor.h"
#include "server/person/person_flows.h"
#include "server/policy/access_control.h"
#include "server/policy/policy.h"
#include "server/rpc/caller.h"
#include "server/rpc/identity_service.h"
#include "server/session/code_exchange.h"
#include "server/session/oauth_grants.h"
#include "server/session/session_cache.h"
#include "server/session/session_changes.h"
#include "tests/base/own_channel.h"
#include "tests/fakes/fake_credential_store.h"
#include "tests/fakes/fake_grant_store.h"
#include "tests/fakes/fake_identity_store.h"
#include "tests/fakes/fake_key_store.h"
#include "tests/fakes/fake_profile_store.h"
#include "tests/fakes/fake_session_store.h"
#include "tests/session/fake_wechat_api.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {
namespace {

constexpr int kRounds = 5;

// Answers a constant.
class BareEcho final : public CallHandler {
 public:
  explicit BareEcho(Call& call) : call_(call) {}
  void OnMessage(absl::string_view) override {
    static const std::string& answer = *new std::string(Answer());
    call_.Reply(answer);
  }

 private:
  static std::string Answer() {
    v1::GetAccessTokenResponse answer;
    answer.set_access_token("token_1");
    answer.mutable_expire_time()->set_seconds(1'800'000'000);
    answer.set_generation(1);
    answer.set_kind(v1::ACCESS_TOKEN_KIND_APP);
    return answer.SerializeAsString();
  }

  Call& call_;
};

EdgeMethods BareMethods() {
  EdgeMethods methods;
  methods["/wxident.v1.IdentityService/GetAccessToken"].start = [](Call& call) {
    return std::make_unique<BareEcho>(call);
  };
  return methods;
}

// A service behind a port of its own.
class Served {
 public:
  Served(EdgeMethods methods, Metrics& metrics)
      : server_(*EdgeServer::Start(
            {.addr = "127.0.0.1:0", .methods = std::move(methods)}, metrics)),
        load_({OwnChannel(server_->addr()), OwnChannel(server_->addr())}) {}

  CallLoad::Pace Load(int callers) { return load_.Run(callers); }

 private:
  std::unique_ptr<EdgeServer> server_;
  CallLoad load_;
};

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
  Apps apps({App{kBenchApp, AppKind::kMiniProgram, "main", Secret("s"),
                 TokenMode::kStable}});
  CodeExchange code_exchange(wechat, identities, timer, clock, random);
  SessionCache checks(sessions, clock);
  SessionChanges changes(
      checks, random,
      {.overlap = absl::Seconds(30), .max_age = absl::Hours(1)});
  OauthGrants grants(apps, wechat, grant_store, clock);
  LoopbackCallers callers;
  AccessControl access(
      Policy{.allow = {{.caller = "loopback", .methods = {"GetAccessToken"}}},
             .limits = {{.caller = "loopback"}}},
      clock, metrics);
  std::vector<KeyRing::Key> keys;
  keys.push_back({1, Secret(std::string(32, 'k'))});
  auto key_ring = *KeyRing::Create(keys, random);
  FakeKeyStore key_store(*key_ring);
  KeyRingReload ring_reload(
      *key_ring, [&] { return keys; }, key_store, random, clock, metrics);
  Reencryptor reencryptor(key_store, *key_ring, timer, clock, metrics);
  TokenManager tokens(apps, wechat, credentials, timer, clock, random, metrics);
  tokens.Start();
  WallClocks wall_clocks(clock, metrics);
  PersonFlows person({.tokens = tokens,
                      .wechat = wechat,
                      .grants = grants,
                      .identities = identities,
                      .profiles = profiles,
                      .clock = clock,
                      .wall_clocks = wall_clocks,
                      .open_data_max_age = absl::Hours(24),
                      .forget_sessions = [&] { checks.ForgetAll(); }});
  Services services{
      .callers = callers,
      .access = access,
      .audit = nullptr,
      .audit_required = false,
      .apps = apps,
      .session_cache = checks,
      .sessions = sessions,
      .identities = identities,
      .profiles = profiles,
      .key_ring = *key_ring,
      .clock = clock,
      .random = random,
      .metrics = metrics,
      .flows = {.code_exchange = code_exchange,
                .session_changes = changes,
                .person = person,
                .grants = grants,
                .tokens = tokens,
                .wechat = wechat,
                .key_ring = *key_ring,
                .keys = key_store,
                .ring_reload = ring_reload,
                .reencryptor = reencryptor,
                .clock = clock,
                .random = random,
                .metrics = metrics,
                .default_session_ttl = absl::Hours(1),
                .max_session_ttl = absl::Hours(1)},
  };
  Served real(IdentityMethods(services), metrics);
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
  Served real_audited(IdentityMethods(services), metrics);
  Served bare(BareMethods(), metrics);

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
        const CallLoad::Pace pace = served[i]->Load(load);
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

#ifndef WXIDENT_TESTS_RPC_SERVICES_FIXTURE_H_
#define WXIDENT_TESTS_RPC_SERVICES_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/metrics.h"
#include "server/base/wall_clocks.h"
#include "server/crypto/key_ring.h"
#include "server/edge/edge_server.h"
#include "server/keys/key_ring_reload.h"
#include "server/keys/reencryptor.h"
#include "server/person/person_flows.h"
#include "server/policy/access_control.h"
#include "server/policy/policy.h"
#include "server/rpc/caller.h"
#include "server/rpc/services.h"
#include "tests/base/fake_clock.h"
#include "tests/base/fake_timer.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_credential_store.h"
#include "tests/fakes/fake_grant_store.h"
#include "tests/fakes/fake_identity_store.h"
#include "tests/fakes/fake_key_store.h"
#include "tests/fakes/fake_profile_store.h"
#include "tests/fakes/fake_session_store.h"
#include "tests/session/fake_wechat_api.h"
#include "wxident/v1/admin_service.pb.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

inline constexpr char kMini[] = "wx00000000000000aa";
inline constexpr char kOfficial[] = "wx00000000000000bb";
inline constexpr char kWebsite[] = "wx00000000000000cc";
// An official account whose token comes from cgi-bin/token, bound to no Open
// Platform account.
inline constexpr char kOrdinary[] = "wx00000000000000dd";
// Base64 of 16 bytes.
inline constexpr char kSessionKey[] = "AAECAwQFBgcICQoLDA0ODw==";

// The methods of both services.
inline std::set<std::string> AllMethods() {
  std::set<std::string> names;
  for (const auto* file : {v1::LoginRequest::descriptor()->file(),
                           v1::ListAppsRequest::descriptor()->file()})
    for (int m = 0; m < file->service(0)->method_count(); ++m)
      names.insert(file->service(0)->method(m)->name());
  return names;
}

// Believes what the call says of itself, as no real one does; "loopback" is who
// says nothing.
class TestCallers final : public Callers {
 public:
  absl::StatusOr<std::string> Identify(const Call& call) override {
    for (const auto& [name, value] : call.metadata())
      if (name == "test-caller") return value;
    return std::string("loopback");
  }
};

// "loopback" may call everything.
inline Policy EverythingAllowed() {
  return {.allow = {{.caller = "loopback", .methods = AllMethods()}}};
}

inline std::vector<KeyRing::Key> KeysOfTests() {
  return {{1, Secret(std::string(32, 'k'))}};
}

inline std::unique_ptr<KeyRing> KeyRingOfTests(Random& random) {
  return *KeyRing::Create(KeysOfTests(), random);
}

// What the services work with: fakes of WeChat and the stores. It does without
// gRPC.
class ServicesFixture : public testing::Test {
 protected:
  // Serves on a port of its own.
  std::unique_ptr<EdgeServer> Serve(EdgeMethods methods) {
    return *EdgeServer::Start(
        {.addr = "127.0.0.1:0", .methods = std::move(methods)}, metrics_);
  }
  static void StopServer(EdgeServer& server) { server.Stop(absl::Minutes(1)); }

  // The services' parts, of which a test may have others than this.
  Services MakeServices(AccessControl& access, SessionStore& sessions,
                        SessionCache& checks) {
    return {.callers = callers_,
            .access = access,
            .audit = nullptr,
            .audit_required = true,
            .apps = apps_,
            .session_cache = checks,
            .sessions = sessions,
            .identities = identities_,
            .profiles = profiles_,
            .key_ring = *key_ring_,
            .clock = clock_,
            .random = random_,
            .metrics = metrics_,
            .flows = {.code_exchange = code_exchange_,
                      .session_changes = session_changes_,
                      .person = person_,
                      .grants = grants_,
                      .tokens = tokens_,
                      .wechat = wechat_,
                      .key_ring = *key_ring_,
                      .keys = keys_,
                      .ring_reload = ring_reload_,
                      .reencryptor = reencryptor_,
                      .clock = clock_,
                      .random = random_,
                      .metrics = metrics_,
                      .default_session_ttl = absl::Hours(24),
                      .max_session_ttl = absl::Hours(48)}};
  }

  // Ends what calls leave behind, when all have ended.
  void StopFlows() {
    tokens_.Stop();
    ring_reload_.Stop();
    reencryptor_.Stop();
    timer_.RunAll();
  }

  FakeClock clock_;
  FakeRandom random_;
  FakeTimer timer_{clock_};
  FakeWechatApi wechat_;
  FakeStoreData data_{clock_};
  FakeIdentityStore identities_{data_};
  FakeSessionStore sessions_{data_};
  FakeProfileStore profiles_{data_};
  FakeGrantStore grant_store_{data_};
  FakeCredentialStore credentials_{data_};
  Apps apps_{{App{kMini, AppKind::kMiniProgram, "main", Secret("s")},
              App{kOfficial,
                  AppKind::kOfficialAccount,
                  "main",
                  Secret("s"),
                  TokenMode::kStable,
                  {"h5.example.com"}},
              App{kWebsite,
                  AppKind::kWebsite,
                  "main",
                  Secret("s"),
                  TokenMode::kStable,
                  {"www.example.com"}},
              App{kOrdinary, AppKind::kOfficialAccount, kOrdinary, Secret("s"),
                  TokenMode::kOrdinary}}};
  Metrics metrics_;
  TestCallers callers_;
  WallClocks wall_clocks_{clock_, metrics_};
  AccessControl access_{EverythingAllowed(), clock_, metrics_};
  std::unique_ptr<KeyRing> key_ring_ = KeyRingOfTests(random_);
  FakeKeyStore keys_{*key_ring_};
  // What the ring's file holds.
  absl::StatusOr<std::vector<KeyRing::Key>> ring_file_ = KeysOfTests();
  KeyRingReload ring_reload_{*key_ring_, [this] { return ring_file_; },
                             keys_,      random_,
                             clock_,     metrics_};
  Reencryptor reencryptor_{keys_, *key_ring_, timer_, clock_, metrics_};
  TokenManager tokens_{apps_,  wechat_, credentials_, timer_,
                       clock_, random_, metrics_};
  CodeExchange code_exchange_{wechat_, identities_, timer_, clock_, random_};
  SessionCache checks_{sessions_, clock_};
  SessionChanges session_changes_{
      checks_,
      random_,
      {.overlap = absl::Seconds(30), .max_age = absl::Hours(72)}};
  OauthGrants grants_{apps_, wechat_, grant_store_, clock_};
  PersonFlows person_{{.tokens = tokens_,
                       .wechat = wechat_,
                       .grants = grants_,
                       .identities = identities_,
                       .profiles = profiles_,
                       .clock = clock_,
                       .wall_clocks = wall_clocks_,
                       .open_data_max_age = absl::Hours(1),
                       .forget_sessions = [this] { checks_.ForgetAll(); }}};
  Services services_ = MakeServices(access_, sessions_, checks_);
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_RPC_SERVICES_FIXTURE_H_

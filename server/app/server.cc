#include "server/app/server.h"

#include <atomic>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "server/app/listeners.h"
#include "server/app/security_wiring.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/base/log.h"
#include "server/base/metrics.h"
#include "server/base/status_macros.h"
#include "server/base/timer.h"
#include "server/base/version.h"
#include "server/base/wall_clocks.h"
#include "server/crypto/blind_index.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/random.h"
#include "server/http/curl_http_client.h"
#include "server/http_server/http_server.h"
#include "server/http_server/metrics_route.h"
#include "server/identity/apps.h"
#include "server/keeper/token_manager.h"
#include "server/keys/key_ring_file.h"
#include "server/keys/key_ring_reload.h"
#include "server/keys/reencryptor.h"
#include "server/person/person_flows.h"
#include "server/rpc/services.h"
#include "server/session/code_exchange.h"
#include "server/session/oauth_grants.h"
#include "server/session/session_cache.h"
#include "server/session/session_changes.h"
#include "server/session/session_sweeper.h"
#include "server/store/postgres/credential/pg_credential_store.h"
#include "server/store/postgres/keys/pg_key_store.h"
#include "server/store/postgres/person/pg_identity_store.h"
#include "server/store/postgres/person/pg_profile_store.h"
#include "server/store/postgres/pg_clock.h"
#include "server/store/postgres/pool/checked_connector.h"
#include "server/store/postgres/pool/libpq_environment.h"
#include "server/store/postgres/pool/pg_connector.h"
#include "server/store/postgres/pool/pg_pool.h"
#include "server/store/postgres/schema.h"
#include "server/store/postgres/session/pg_grant_store.h"
#include "server/store/postgres/session/pg_session_store.h"
#include "server/wechat/wechat_client.h"

namespace wxident {
namespace {

constexpr absl::Duration kDatabaseWait = absl::Seconds(10);
// Without an answer for this long the server does not call itself ready.
constexpr absl::Duration kReadyFor = absl::Seconds(5);

// Tries until the database answers or kDatabaseWait has passed.
absl::Status WaitForSchema(SqlConnector& connector) {
  const absl::Time give_up = absl::Now() + kDatabaseWait;
  std::string why;
  while (true) {
    absl::Status checked = CheckSchema(connector);
    if (!absl::IsUnavailable(checked) || absl::Now() > give_up) return checked;
    if (why != checked.message()) {
      why = std::string(checked.message());
      Log(LogLevel::kWarning, "waiting for the database", {{"why", why}});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

}  // namespace

// In the order of dependence; ended in the reverse order.
struct Server::Parts {
  explicit Parts(Config config)
      : config(std::move(config)), apps(this->config.apps) {}

  const Config config;
  const Apps apps;
  Clock& clock = SystemClock();
  Random& random = SystemRandom();
  Metrics metrics;
  WallClocks wall_clocks{clock, metrics};

  std::unique_ptr<KeyRing> key_ring;
  std::optional<BlindIndex> phone_index;
  std::unique_ptr<SecurityWiring> security;
  // When the database last answered, on Clock::Monotonic(), in ns; the pool's
  // threads write it.
  std::atomic<int64_t> database_seen_ns{0};
  std::unique_ptr<PgPool> pool;
  std::unique_ptr<PgClock> database_clock;
  std::unique_ptr<PgIdentityStore> identities;
  std::unique_ptr<PgSessionStore> sessions;
  std::unique_ptr<PgProfileStore> profiles;
  std::unique_ptr<PgGrantStore> grant_store;
  std::unique_ptr<PgCredentialStore> credential_store;
  std::unique_ptr<PgKeyStore> keys;
  std::unique_ptr<KeyRingReload> ring_reload;

  std::unique_ptr<CurlHttpClient> http;
  std::unique_ptr<WechatClient> wechat;

  std::unique_ptr<ThreadTimer> timer;
  std::unique_ptr<TokenManager> tokens;
  std::unique_ptr<CodeExchange> code_exchange;
  std::unique_ptr<SessionCache> session_cache;
  std::unique_ptr<SessionChanges> session_changes;
  std::unique_ptr<OauthGrants> grants;
  std::unique_ptr<PersonFlows> person;
  std::unique_ptr<SessionSweeper> sweeper;
  std::unique_ptr<Reencryptor> reencryptor;

  std::unique_ptr<Listeners> listeners;
  std::unique_ptr<HttpServer> metrics_endpoint;
  bool serving = false;
  bool stopping = false;

  absl::Status BuildStores();
  absl::Status CheckKeyRing();
  absl::Status BuildWechat();
  void BuildFlows();
  Services MakeServices();
  absl::Status Listen();

  void SeeDatabase() {
    database_seen_ns.store(absl::ToInt64Nanoseconds(clock.Monotonic()));
  }
  void SetServing(bool now_serving);
};

absl::Status Server::Parts::BuildStores() {
  WX_ASSIGN_OR_RETURN(key_ring, KeyRing::Create(config.keys.ring, random));
  const KeyRing::Key& index_key = config.keys.phone_index.front();
  phone_index.emplace(index_key.id, index_key.bytes);

  const Config::Database& database = config.database;
  WX_ASSIGN_OR_RETURN(std::unique_ptr<SqlConnector> connector,
                      MakePgConnector(database.url, database.password));
  connector = MakeCheckedConnector(std::move(connector));
  WX_RETURN_IF_ERROR(WaitForSchema(*connector));
  PgPool::Options options;
  options.workers = database.workers;
  options.queue_limit = database.queue_limit;
  pool =
      std::make_unique<PgPool>(std::move(connector), options, clock, metrics);
  database_clock = std::make_unique<PgClock>(*pool, clock, wall_clocks);
  identities =
      std::make_unique<PgIdentityStore>(*pool, *key_ring, *phone_index);
  sessions = std::make_unique<PgSessionStore>(*pool, *key_ring);
  profiles = std::make_unique<PgProfileStore>(*pool, *key_ring, *phone_index);
  grant_store = std::make_unique<PgGrantStore>(*pool, *key_ring);
  credential_store = std::make_unique<PgCredentialStore>(*pool, *key_ring);
  keys = std::make_unique<PgKeyStore>(*pool, *key_ring);
  SeeDatabase();
  return CheckKeyRing();
}

// Whether the database's values were sealed with these keys.
absl::Status Server::Parts::CheckKeyRing() {
  std::vector<KeyRing::Key> others = config.keys.phone_index;
  others.insert(others.end(), config.audit.key.begin(), config.audit.key.end());
  ring_reload = std::make_unique<KeyRingReload>(
      *key_ring,
      [path = config.keys.ring_file, others = std::move(others)] {
        return ReadKeyRingFile(path, others);
      },
      *keys, random, clock, metrics);
  std::promise<absl::Status> checked;
  ring_reload->Reload(
      [&checked](absl::Status status) { checked.set_value(status); });
  return checked.get_future().get();
}

absl::Status Server::Parts::BuildWechat() {
  CurlHttpClient::Options options;
  options.ca_file = config.wechat.ca_file;
  options.max_connections_per_host = config.wechat.max_connections;
  options.queue_limit = config.wechat.queue_limit;
  WX_ASSIGN_OR_RETURN(http, CurlHttpClient::Create(options, clock, metrics));
  wechat = std::make_unique<WechatClient>(*http, config.wechat.base_urls, clock,
                                          wall_clocks, random, metrics);
  return absl::OkStatus();
}

void Server::Parts::BuildFlows() {
  timer = std::make_unique<ThreadTimer>();
  tokens = std::make_unique<TokenManager>(apps, *wechat, *credential_store,
                                          *timer, clock, random, metrics);
  code_exchange = std::make_unique<CodeExchange>(*wechat, *identities, *timer,
                                                 clock, random);
  session_cache = std::make_unique<SessionCache>(*sessions, clock);
  session_changes = std::make_unique<SessionChanges>(
      *session_cache, random,
      SessionChanges::Options{.overlap = config.sessions.refresh_overlap,
                              .max_age = config.sessions.max_age});
  grants = std::make_unique<OauthGrants>(apps, *wechat, *grant_store, clock);
  person = std::make_unique<PersonFlows>(PersonFlows::Parts{
      .tokens = *tokens,
      .wechat = *wechat,
      .grants = *grants,
      .identities = *identities,
      .profiles = *profiles,
      .clock = clock,
      .wall_clocks = wall_clocks,
      .open_data_max_age = config.open_data_max_age,
      .forget_sessions = [this] { session_cache->ForgetAll(); }});
  sweeper = std::make_unique<SessionSweeper>(*sessions, clock);
  reencryptor =
      std::make_unique<Reencryptor>(*keys, *key_ring, *timer, clock, metrics);
}

Services Server::Parts::MakeServices() {
  return {
      .callers = security->callers(),
      .access = security->access(),
      .audit = security->audit(),
      .audit_required = config.audit.required,
      .apps = apps,
      .session_cache = *session_cache,
      .sessions = *sessions,
      .identities = *identities,
      .profiles = *profiles,
      .key_ring = *key_ring,
      .clock = clock,
      .random = random,
      .metrics = metrics,
      .flows = {.code_exchange = *code_exchange,
                .session_changes = *session_changes,
                .person = *person,
                .grants = *grants,
                .tokens = *tokens,
                .wechat = *wechat,
                .key_ring = *key_ring,
                .keys = *keys,
                .ring_reload = *ring_reload,
                .reencryptor = *reencryptor,
                .clock = clock,
                .random = random,
                .metrics = metrics,
                .default_session_ttl = config.sessions.default_ttl,
                .max_session_ttl = config.sessions.max_ttl},
  };
}

absl::Status Server::Parts::Listen() {
  WX_ASSIGN_OR_RETURN(
      listeners, Listeners::Start(config, *security, MakeServices(), metrics));
  metrics.Set(
      "wxident_build_info",
      {{"version", std::string(Version())}, {"commit", std::string(Commit())}},
      1);
  if (!config.metrics_addr.empty()) {
    WX_ASSIGN_OR_RETURN(metrics_endpoint,
                        HttpServer::Start({.addr = config.metrics_addr,
                                           .routes = MetricsRoutes(metrics)},
                                          metrics));
  }
  SetServing(true);
  return absl::OkStatus();
}

void Server::Parts::SetServing(bool now_serving) {
  if (serving == now_serving) return;
  serving = now_serving;
  Log(LogLevel::kInfo, serving ? "serving" : "not serving");
  listeners->SetServing(serving);
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() { Stop(); }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Config config) {
  if (const auto names = ForgetLibpqEnvironment(); !names.empty())
    Log(LogLevel::kWarning, "environment_ignored",
        {{"names", absl::StrJoin(names, ", ")}});
  auto parts = std::make_unique<Parts>(std::move(config));
  // Before the wait for the database: certificates are the operator's mistake
  // that is found soonest.
  WX_ASSIGN_OR_RETURN(
      parts->security,
      SecurityWiring::Open(parts->config, parts->clock, parts->metrics));
  WX_RETURN_IF_ERROR(parts->BuildStores());
  WX_RETURN_IF_ERROR(parts->BuildWechat());
  parts->BuildFlows();
  parts->tokens->Start();
  WX_RETURN_IF_ERROR(parts->Listen());
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

void Server::Housekeep() {
  Parts& parts = *parts_;
  parts.security->LookAtFiles();
  parts.sweeper->Sweep();
  parts.database_clock->Compare();
  parts.pool->Ping(Deadline::After(absl::Seconds(1), parts.clock),
                   [&parts](absl::Status answered) {
                     if (answered.ok()) parts.SeeDatabase();
                   });
  const absl::Duration unseen =
      parts.clock.Monotonic() -
      absl::Nanoseconds(parts.database_seen_ns.load());
  parts.SetServing(!parts.stopping && unseen < kReadyFor);
}

void Server::Reload() {
  Parts& parts = *parts_;
  parts.security->Reload();
  parts.ring_reload->Reload([&parts](absl::Status reloaded) {
    ReportReload("key_ring", reloaded, parts.metrics);
  });
}

void Server::AnnounceStop() {
  parts_->stopping = true;
  parts_->SetServing(false);
  // Streams that no deadline ends.
  parts_->tokens->EndWatches();
}

void Server::Stop() {
  // It has been.
  if (parts_->timer == nullptr) return;
  AnnounceStop();
  parts_->listeners->Stop(parts_->config.shutdown.timeout);
  // Every call has ended; what still runs are fetches of tokens, a sweep, and
  // the care of keys.
  parts_->tokens->Stop();
  parts_->sweeper->Stop();
  parts_->ring_reload->Stop();
  parts_->reencryptor->Stop();
  parts_->timer.reset();
}

const std::string& Server::grpc_addr() const {
  return parts_->listeners->grpc_addr();
}

std::string Server::admin_addr() const {
  return parts_->listeners->admin_addr();
}

int Server::metrics_port() const {
  return parts_->metrics_endpoint == nullptr ? 0
                                             : parts_->metrics_endpoint->port();
}

}  // namespace wxident

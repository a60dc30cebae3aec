#include "tests/integration/wxidentd.h"

#include <google/rpc/status.pb.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bazel/google_rpc/error_info.pb.h"
#include "server/crypto/base64.h"
#include "tests/integration/canary_channel.h"
#include "tests/integration/http_get.h"

namespace wxident {
namespace {

// Of a server whose test fails.
constexpr size_t kLogShown = 16 << 10;

std::string MakeDir() {
  std::string pattern = "/tmp/wxident-test.XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  return pattern;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void WriteSecret(const std::string& path, const std::string& text) {
  std::ofstream(path) << text << "\n";
  chmod(path.c_str(), 0600);
}

}  // namespace

World::World(PrivatePostgres::Durability durability,
             const std::vector<WorldApp>& more_apps)
    : dir_(MakeDir()) {
  postgres_ = PrivatePostgres::Start(durability).value();
  sim_ = std::make_unique<Simulator>(dir_);
  WriteConfig(more_apps);
}

World::~World() {
  for (const auto& [kind, text] : sim_->Issued())
    canary_->AddSecret(kind, text);
  canary_->AddOutput("PostgreSQL's log", postgres_->Log());
  for (const auto& file : std::filesystem::directory_iterator(dir_))
    if (file.path().extension() == ".log")
      canary_->AddOutput(file.path(), ReadFile(file.path()));
  canary_->Check();
  sim_.reset();
  connection_.reset();
  postgres_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void World::WriteConfig(const std::vector<WorldApp>& more_apps) {
  const std::string ring_key = Base64Encode("CANARY-ring-key-CANARY-ring-key-");
  const std::string index_key =
      Base64Encode("CANARY-index-key-CANARY-index-ke");
  secrets_ = {ring_key, index_key};
  canary_->AddKey("a key of the ring", ring_key);
  canary_->AddKey("the key of phone_index", index_key);
  const std::string password = "CANARY-database-password";
  secrets_.push_back(password);
  canary_->AddSecret("the database's password", password);
  WriteSecret(dir_ + "/database.password", password);
  WriteSecret(dir_ + "/ring.keys", "1 " + ring_key);
  WriteSecret(dir_ + "/index.keys", "1 " + index_key);
  std::string apps;
  std::vector<WorldApp> all = {
      {kMiniProgram, "mini_program", "stable"},
      {kOfficialAccount, "official_account", "stable"},
      {kOrdinaryApp, "mini_program", "ordinary"},
      {kWebsite, "website", "stable"},
      {kMobile, "mobile", "stable"},
  };
  all.insert(all.end(), more_apps.begin(), more_apps.end());
  for (const WorldApp& app : all) {
    const std::string secret = AppSecret(app.id);
    secrets_.push_back(secret);
    canary_->AddSecret("an app secret", secret);
    WriteSecret(absl::StrCat(dir_, "/", app.id, ".secret"), secret);
    absl::StrAppend(&apps, "  - app_id: ", app.id, "\n    kind: ", app.kind,
                    "\n    open_platform_account: main\n    secret_file: ",
                    app.id, ".secret\n    token_mode: ", app.token_mode,
                    "\n    redirect_hosts: [login.example.com]\n");
    sim_->Call("apps", {{"app_id", app.id},
                        {"secret", secret},
                        {"kind", app.kind},
                        {"open_platform_account", "main"}});
  }
  config_file_ = dir_ + "/wxidentd.yaml";
  std::ofstream(config_file_)
      << "grpc:\n  addr: 127.0.0.1:0\n  insecure_loopback: true\nadmin:\n  "
         "addr: 127.0.0.1:0\n"
      << "metrics:\n  addr: 127.0.0.1:0\n"
      << "database:\n  url: " << postgres_->server_url()
      << "\n  password_file: database.password\n"
      << "wechat:\n  base_urls: [" << sim_->url() << "]\n  ca_file: ca.pem\n"
      << "open_data:\n  max_age: 0\n"
      << "keys:\n  ring_file: ring.keys\n  phone_index_file: index.keys\n"
      << "shutdown:\n  drain_delay: 0s\n"
      << "apps:\n"
      << apps;
}

std::string World::Query(const std::string& sql) {
  if (connection_ == nullptr)
    connection_ = std::make_unique<pqxx::connection>(postgres_->url());
  pqxx::nontransaction work(*connection_);
  const pqxx::result rows = work.exec(sql);
  return rows.empty() ? "" : rows[0][0].c_str();
}

int World::Count(const std::string& sql) { return std::stoi(Query(sql)); }

void World::PassTime(absl::Duration time) {
  // WeChat first: a server must not take a token for old that is young there.
  sim_->Advance(time);
  const std::string older = absl::StrCat(" - ", absl::ToInt64Microseconds(time),
                                         " * interval '1 microsecond'");
  std::string sql = "UPDATE app_credentials SET ";
  const char* between = "";
  for (const char* column :
       {"fetched_at", "expires_at", "refresh_at", "forced_at", "pause_until"}) {
    absl::StrAppend(&sql, between, column, " = ", column, older);
    between = ", ";
  }
  Query(sql);
}

int World::Orphans() {
  std::string sql =
      "SELECT (SELECT count(*) FROM users u WHERE NOT EXISTS ("
      "    SELECT FROM identities i WHERE i.user_id = u.user_id))"
      " + (SELECT count(*) FROM identities i WHERE NOT EXISTS ("
      "    SELECT FROM users u WHERE u.user_id = i.user_id))"
      " + (SELECT count(*) FROM identities i JOIN union_ids n"
      "    USING (open_platform_account, unionid)"
      "    WHERE n.user_id <> i.user_id)"
      " + (SELECT count(*) FROM union_ids n WHERE NOT EXISTS ("
      "    SELECT FROM identities i WHERE i.unionid = n.unionid"
      "    AND i.open_platform_account = n.open_platform_account))"
      " + (SELECT count(*) FROM user_forwards f WHERE NOT EXISTS ("
      "    SELECT FROM users u WHERE u.user_id = f.merged_into))";
  for (const char* table :
       {"sessions", "session_keys", "profiles", "phones", "oauth_grants"})
    absl::StrAppend(&sql, " + (SELECT count(*) FROM ", table,
                    " t WHERE NOT EXISTS (SELECT FROM identities i WHERE "
                    "i.app_id = t.app_id AND i.openid = t.openid))");
  return Count(sql);
}

Wxidentd::Wxidentd(World& world, const std::vector<std::string>& flags)
    : Wxidentd(std::move(*Launch(world, flags, {}))) {
  WaitUntilListening();
}

std::unique_ptr<Wxidentd> Wxidentd::Launch(
    World& world, const std::vector<std::string>& flags,
    const std::vector<std::string>& environment) {
  std::vector<std::string> argv = {"/usr/bin/env"};
  argv.insert(argv.end(), environment.begin(), environment.end());
  argv.insert(argv.end(), {Runfile("server/wxidentd"), "serve", "--config",
                           world.config_file()});
  argv.insert(argv.end(), flags.begin(), flags.end());
  std::unique_ptr<Wxidentd> server(new Wxidentd(world.shared_canary()));
  server->process_ = std::make_unique<Process>(std::move(argv));
  return server;
}

void Wxidentd::WaitUntilListening() {
  const std::optional<std::string> line =
      process_->WaitForLine("\"event\":\"listening\"");
  if (!line.has_value()) {
    ADD_FAILURE() << "the server did not start:\n" << process_->log();
    return;
  }
  const nlohmann::json fields = nlohmann::json::parse(*line);
  addr_ = fields.at("grpc").get<std::string>();
  admin_addr_ = fields.at("admin").get<std::string>();
  metrics_port_ = fields.at("metrics_port").get<std::string>();
  const auto credentials = grpc::InsecureChannelCredentials();
  channel_ = MakeCanaryChannel(addr_, credentials, {}, canary_);
  stub_ = v1::IdentityService::NewStub(channel_);
  admin_ = v1::AdminService::NewStub(
      MakeCanaryChannel(admin_addr_, credentials, {}, canary_));
}

Wxidentd::~Wxidentd() {
  // Moved from.
  if (process_ == nullptr) return;
  if (process_->running()) ReadMetrics();
  Kill();
  const std::string log = process_->log();
  if (testing::Test::HasFailure())
    std::cerr << "wxidentd at " << addr_ << " said last:\n"
              << log.substr(log.size() - std::min(log.size(), kLogShown));
  canary_->AddOutput("wxidentd's stderr", log);
}

void Wxidentd::ReadProcess() {
  for (const char* name : {"cmdline", "environ"})
    canary_->AddOutput(
        absl::StrCat("wxidentd's ", name),
        ReadFile(absl::StrCat("/proc/", process_->pid(), "/", name)));
}

void Wxidentd::ReadMetrics() {
  // Never listened.
  if (metrics_port_.empty()) return;
  const std::optional<std::string> text =
      HttpGet(absl::StrCat("http://127.0.0.1:", metrics_port_, "/metrics"),
              absl::Seconds(2));
  if (text.has_value()) canary_->AddOutput("wxidentd's metrics", *text);
}

void Wxidentd::Terminate() {
  if (process_->running()) ReadMetrics();
  ReadProcess();
  process_->Signal(SIGTERM);
}

int Wxidentd::Stop() {
  Terminate();
  return process_->Wait();
}

void Wxidentd::Kill() {
  // Not the metrics: tests kill at moments.
  ReadProcess();
  process_->Signal(SIGKILL);
  process_->Wait();
}

RunResult RunWxidentd(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), Runfile("server/wxidentd"));
  Process process(std::move(arguments));
  const int code = process.Wait();
  return {code, process.log()};
}

std::string AppSecret(const std::string& app_id) {
  return absl::StrCat("CANARYsecret0000", app_id).substr(0, 32);
}

std::unique_ptr<grpc::ClientContext> Within(absl::Duration timeout) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() +
                        absl::ToChronoMicroseconds(timeout));
  return context;
}

namespace {

google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status) {
  google::rpc::Status wire;
  google::rpc::ErrorInfo info;
  if (wire.ParseFromString(status.error_details()))
    for (const auto& detail : wire.details())
      if (detail.UnpackTo(&info)) break;
  return info;
}

}  // namespace

std::string ReasonOf(const grpc::Status& status) {
  return ErrorInfoOf(status).reason();
}

std::map<std::string, std::string> MetadataOf(const grpc::Status& status) {
  const google::rpc::ErrorInfo info = ErrorInfoOf(status);
  return {info.metadata().begin(), info.metadata().end()};
}

grpc::Status Login(v1::IdentityService::Stub& stub, const std::string& code,
                   v1::LoginResponse* response, const std::string& app_id) {
  v1::LoginRequest request;
  request.set_app_id(app_id);
  request.set_mini_program_code(code);
  return stub.Login(Within().get(), request, response);
}

grpc::Status OauthLogin(v1::IdentityService::Stub& stub,
                        const std::string& code, v1::LoginResponse* response,
                        const std::string& app_id) {
  v1::LoginRequest request;
  request.set_app_id(app_id);
  request.set_oauth_code(code);
  return stub.Login(Within().get(), request, response);
}

v1::LoginResponse LogIn(World& world, Wxidentd& server, const std::string& user,
                        const std::string& app_id) {
  v1::LoginResponse response;
  const bool mini = app_id == kMiniProgram || app_id == kOrdinaryApp;
  const grpc::Status status =
      mini ? Login(server.stub(), world.sim().LoginCode(app_id, user),
                   &response, app_id)
           : OauthLogin(server.stub(), world.sim().OauthCode(app_id, user),
                        &response, app_id);
  EXPECT_TRUE(status.ok()) << app_id << ": " << status.error_message();
  return response;
}

bool IsActive(Wxidentd& server, const std::string& session_token, bool strong) {
  v1::ValidateSessionRequest request;
  request.set_session_token(session_token);
  request.set_strong(strong);
  v1::ValidateSessionResponse response;
  const grpc::Status status =
      server.stub().ValidateSession(Within().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.active();
}

}  // namespace wxident

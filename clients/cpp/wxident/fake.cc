#include "wxident/fake.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "wxident/fake_service.h"
#include "wxident/fake_world.h"

namespace wxident::client {
namespace {

constexpr char kServiceName[] = "wxident.v1.IdentityService";

// gRPC's own health service is switched on for the whole process, and looked
// at when a server starts; others of this process are left as they are.
std::unique_ptr<grpc::Server> StartWithHealth(grpc::ServerBuilder& builder) {
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  const bool before = grpc::DefaultHealthCheckServiceEnabled();
  grpc::EnableDefaultHealthCheckService(true);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  grpc::EnableDefaultHealthCheckService(before);
  return server;
}

}  // namespace

struct FakeWxident::Server {
  FakeWorld world;
  FakeService service{world};
  std::string address;
  std::unique_ptr<grpc::Server> grpc;
};

FakeWxident::FakeWxident() : server_(std::make_unique<Server>()) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.RegisterService(&server_->service);
  server_->grpc = StartWithHealth(builder);
  // There is no loopback port: no test can go on.
  if (server_->grpc == nullptr || port == 0) std::abort();
  server_->address = absl::StrCat("127.0.0.1:", port);
  SetServing(true);
}

FakeWxident::~FakeWxident() {
  {
    std::lock_guard<std::mutex> lock(server_->world.mutex);
    server_->world.stopping = true;
    server_->world.changed.notify_all();
  }
  server_->grpc->Shutdown(std::chrono::system_clock::now());
  server_->grpc->Wait();
}

const std::string& FakeWxident::address() const { return server_->address; }

std::unique_ptr<Client> FakeWxident::MakeClient() const {
  ClientOptions options;
  options.address = server_->address;
  options.insecure = true;
  // It cannot fail with a numeric loopback address.
  return *Client::Create(std::move(options));
}

void FakeWxident::AddApp(const std::string& app_id) {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  server_->world.AddApp(app_id);
}

std::string FakeWxident::LoginCode(const std::string& app_id,
                                   const std::string& name) {
  FakeWorld& world = server_->world;
  std::lock_guard<std::mutex> lock(world.mutex);
  return world.MakeCode(FakeWorld::CodeKind::kLogin,
                        world.FindAccount(app_id, name));
}

std::string FakeWxident::OauthCode(const std::string& app_id,
                                   const std::string& name) {
  FakeWorld& world = server_->world;
  std::lock_guard<std::mutex> lock(world.mutex);
  return world.MakeCode(FakeWorld::CodeKind::kOauth,
                        world.FindAccount(app_id, name));
}

std::string FakeWxident::PhoneCode(const std::string& app_id,
                                   const std::string& name) {
  FakeWorld& world = server_->world;
  std::lock_guard<std::mutex> lock(world.mutex);
  return world.MakeCode(FakeWorld::CodeKind::kPhone,
                        world.FindAccount(app_id, name));
}

v1::EncryptedData FakeWxident::EncryptedPhone(const std::string& app_id,
                                              const std::string& name) {
  return EncryptedJson(app_id, name, "");
}

v1::EncryptedData FakeWxident::EncryptedJson(const std::string& app_id,
                                             const std::string& name,
                                             const std::string& json) {
  FakeWorld& world = server_->world;
  std::lock_guard<std::mutex> lock(world.mutex);
  return world.Seal(world.FindAccount(app_id, name), json);
}

std::string FakeWxident::SessionToken(const std::string& app_id,
                                      const std::string& name) {
  FakeWorld& world = server_->world;
  std::lock_guard<std::mutex> lock(world.mutex);
  return world.SignIn(world.FindAccount(app_id, name), absl::Hours(24 * 7))
      .session_token();
}

std::string FakeWxident::UserId(const std::string& name) {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  return server_->world.FindPerson(name).user.user_id();
}

v1::Identity FakeWxident::Identity(const std::string& app_id,
                                   const std::string& name) {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  return server_->world.FindAccount(app_id, name).identity;
}

void FakeWxident::SetPhone(const std::string& name,
                           const std::string& phone_number) {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  server_->world.FindPerson(name).phone = phone_number;
}

void FakeWxident::SetProfile(const std::string& name,
                             const v1::UserInfo& profile) {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  server_->world.FindPerson(name).profile = profile;
}

void FakeWxident::Revoke(const std::string& session_token) {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  FakeWorld::Session* session = server_->world.ActiveSession(session_token);
  if (session != nullptr) session->family->revoked = true;
}

std::string FakeWxident::AccessToken(const std::string& app_id) {
  FakeWorld& world = server_->world;
  std::lock_guard<std::mutex> lock(world.mutex);
  world.AddApp(app_id);
  return world.tokens[app_id].access_token();
}

std::string FakeWxident::RotateToken(const std::string& app_id,
                                     absl::Duration life) {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  return server_->world.Rotate(app_id, life).access_token();
}

void FakeWxident::EndStreams() {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  ++server_->world.streams_ended;
  server_->world.changed.notify_all();
}

void FakeWxident::Advance(absl::Duration time) {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  server_->world.skipped += time;
}

void FakeWxident::SetServing(bool serving) {
  server_->grpc->GetHealthCheckService()->SetServingStatus(kServiceName,
                                                           serving);
}

void FakeWxident::FailNext(const std::string& method, v1::ErrorReason reason,
                           const Failure& failure) {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  server_->world.traffic[method].faults.push_back({reason, failure});
}

void FakeWxident::Hold(const std::string& method) {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  server_->world.traffic[method].held = true;
}

void FakeWxident::Release(const std::string& method) {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  server_->world.traffic[method].held = false;
  server_->world.changed.notify_all();
}

int FakeWxident::Calls(const std::string& method) const {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  const auto found = server_->world.traffic.find(method);
  return found == server_->world.traffic.end() ? 0 : found->second.calls;
}

absl::Duration FakeWxident::LastDeadline(const std::string& method) const {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  return server_->world.traffic[method].last_deadline;
}

std::string FakeWxident::LastMetadata(const std::string& method,
                                      const std::string& key) const {
  std::lock_guard<std::mutex> lock(server_->world.mutex);
  const auto& metadata = server_->world.traffic[method].last_metadata;
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

}  // namespace wxident::client

#include "wxident/fake_service.h"

#include <chrono>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "wxident/fake_answers.h"
#include "wxident/fake_errors.h"
#include "wxident/fake_find.h"

namespace wxident::client {

grpc::Status FakeService::Begin(grpc::ServerContext& context,
                                const std::string& method, Lock& lock) {
  lock = Lock(world_.mutex);
  FakeWorld::Traffic& traffic = world_.traffic[method];
  ++traffic.calls;
  traffic.last_deadline = absl::FromChrono(context.deadline()) - absl::Now();
  traffic.last_metadata.clear();
  for (const auto& [key, value] : context.client_metadata())
    traffic.last_metadata.emplace(std::string(key.data(), key.size()),
                                  std::string(value.data(), value.size()));
  std::optional<FakeWorld::Fault> fault;
  if (!traffic.faults.empty()) {
    fault = traffic.faults.front();
    traffic.faults.pop_front();
  }
  // A call that was given up tells nobody.
  while (traffic.held && !world_.stopping && !context.IsCancelled())
    world_.changed.wait_for(lock, std::chrono::milliseconds(20));
  if (world_.stopping)
    return {grpc::StatusCode::UNAVAILABLE, "the server is stopping"};
  if (!fault.has_value()) return grpc::Status::OK;
  const std::optional<absl::Duration>& retry_in = fault->failure.retry_in;
  context.AddTrailingMetadata(
      "grpc-retry-pushback-ms",
      retry_in.has_value() ? absl::StrCat(absl::ToInt64Milliseconds(*retry_in))
                           : "-1");
  return FakeError(fault->reason, "a failure that the test asked for",
                   fault->failure);
}

grpc::Status FakeService::End(grpc::ServerContext& context,
                              const grpc::Status& status) {
  if (!status.ok())
    context.AddTrailingMetadata("wxident-request-id",
                                absl::StrFormat("%016x", world_.random()));
  return status;
}

template <typename Request, typename Response>
grpc::Status FakeService::Serve(grpc::ServerContext& context,
                                const std::string& method,
                                const Request& request, Response& response) {
  Lock lock;
  grpc::Status status = Begin(context, method, lock);
  if (status.ok()) status = Answer(world_, request, response);
  return End(context, status);
}

grpc::Status FakeService::Watch(
    grpc::ServerContext& context, const v1::WatchAccessTokenRequest& request,
    grpc::ServerWriter<v1::WatchAccessTokenResponse>& writer, Lock& lock) {
  if (grpc::Status bad = CheckApp(world_, "app_id", request.app_id());
      !bad.ok())
    return bad;
  const int ended_before = world_.streams_ended;
  std::string sent;
  while (!world_.stopping && world_.streams_ended == ended_before &&
         !context.IsCancelled()) {
    const v1::GetAccessTokenResponse& token = world_.tokens[request.app_id()];
    if (token.access_token() == sent) {
      // Nobody tells that the call was given up.
      world_.changed.wait_for(lock, std::chrono::milliseconds(20));
      continue;
    }
    sent = token.access_token();
    v1::WatchAccessTokenResponse message;
    message.set_access_token(sent);
    *message.mutable_expire_time() = token.expire_time();
    message.set_generation(token.generation());
    message.set_kind(token.kind());
    lock.unlock();
    writer.Write(message);
    lock.lock();
  }
  return grpc::Status::OK;
}

grpc::Status FakeService::Login(grpc::ServerContext* context,
                                const v1::LoginRequest* request,
                                v1::LoginResponse* response) {
  return Serve(*context, "Login", *request, *response);
}

grpc::Status FakeService::ValidateSession(
    grpc::ServerContext* context, const v1::ValidateSessionRequest* request,
    v1::ValidateSessionResponse* response) {
  return Serve(*context, "ValidateSession", *request, *response);
}

grpc::Status FakeService::RefreshSession(
    grpc::ServerContext* context, const v1::RefreshSessionRequest* request,
    v1::RefreshSessionResponse* response) {
  return Serve(*context, "RefreshSession", *request, *response);
}

grpc::Status FakeService::RevokeSession(grpc::ServerContext* context,
                                        const v1::RevokeSessionRequest* request,
                                        v1::RevokeSessionResponse* response) {
  return Serve(*context, "RevokeSession", *request, *response);
}

grpc::Status FakeService::CheckSessionKey(
    grpc::ServerContext* context, const v1::CheckSessionKeyRequest* request,
    v1::CheckSessionKeyResponse* response) {
  return Serve(*context, "CheckSessionKey", *request, *response);
}

grpc::Status FakeService::DecryptPhone(grpc::ServerContext* context,
                                       const v1::DecryptPhoneRequest* request,
                                       v1::DecryptPhoneResponse* response) {
  return Serve(*context, "DecryptPhone", *request, *response);
}

grpc::Status FakeService::DecryptUserData(
    grpc::ServerContext* context, const v1::DecryptUserDataRequest* request,
    v1::DecryptUserDataResponse* response) {
  return Serve(*context, "DecryptUserData", *request, *response);
}

grpc::Status FakeService::GetUserInfo(grpc::ServerContext* context,
                                      const v1::GetUserInfoRequest* request,
                                      v1::GetUserInfoResponse* response) {
  return Serve(*context, "GetUserInfo", *request, *response);
}

grpc::Status FakeService::GetAccessToken(
    grpc::ServerContext* context, const v1::GetAccessTokenRequest* request,
    v1::GetAccessTokenResponse* response) {
  return Serve(*context, "GetAccessToken", *request, *response);
}

grpc::Status FakeService::WatchAccessToken(
    grpc::ServerContext* context, const v1::WatchAccessTokenRequest* request,
    grpc::ServerWriter<v1::WatchAccessTokenResponse>* writer) {
  Lock lock;
  grpc::Status status = Begin(*context, "WatchAccessToken", lock);
  if (status.ok()) status = Watch(*context, *request, *writer, lock);
  return End(*context, status);
}

grpc::Status FakeService::GetJsapiSignature(
    grpc::ServerContext* context, const v1::GetJsapiSignatureRequest* request,
    v1::GetJsapiSignatureResponse* response) {
  return Serve(*context, "GetJsapiSignature", *request, *response);
}

grpc::Status FakeService::GetAuthorizeUrl(
    grpc::ServerContext* context, const v1::GetAuthorizeUrlRequest* request,
    v1::GetAuthorizeUrlResponse* response) {
  return Serve(*context, "GetAuthorizeUrl", *request, *response);
}

grpc::Status FakeService::GetUser(grpc::ServerContext* context,
                                  const v1::GetUserRequest* request,
                                  v1::GetUserResponse* response) {
  return Serve(*context, "GetUser", *request, *response);
}

grpc::Status FakeService::BatchGetUsers(grpc::ServerContext* context,
                                        const v1::BatchGetUsersRequest* request,
                                        v1::BatchGetUsersResponse* response) {
  return Serve(*context, "BatchGetUsers", *request, *response);
}

}  // namespace wxident::client

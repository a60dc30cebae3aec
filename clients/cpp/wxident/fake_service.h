#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_SERVICE_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_SERVICE_H_

#include <mutex>
#include <string>

#include "wxident/fake_world.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident::client {

// The calls of a FakeWxident.
class FakeService : public v1::IdentityService::Service {
 public:
  explicit FakeService(FakeWorld& world) : world_(world) {}

  grpc::Status Login(grpc::ServerContext* context,
                     const v1::LoginRequest* request,
                     v1::LoginResponse* response) override;
  grpc::Status ValidateSession(grpc::ServerContext* context,
                               const v1::ValidateSessionRequest* request,
                               v1::ValidateSessionResponse* response) override;
  grpc::Status RefreshSession(grpc::ServerContext* context,
                              const v1::RefreshSessionRequest* request,
                              v1::RefreshSessionResponse* response) override;
  grpc::Status RevokeSession(grpc::ServerContext* context,
                             const v1::RevokeSessionRequest* request,
                             v1::RevokeSessionResponse* response) override;
  grpc::Status CheckSessionKey(grpc::ServerContext* context,
                               const v1::CheckSessionKeyRequest* request,
                               v1::CheckSessionKeyResponse* response) override;
  grpc::Status DecryptPhone(grpc::ServerContext* context,
                            const v1::DecryptPhoneRequest* request,
                            v1::DecryptPhoneResponse* response) override;
  grpc::Status DecryptUserData(grpc::ServerContext* context,
                               const v1::DecryptUserDataRequest* request,
                               v1::DecryptUserDataResponse* response) override;
  grpc::Status GetUserInfo(grpc::ServerContext* context,
                           const v1::GetUserInfoRequest* request,
                           v1::GetUserInfoResponse* response) override;
  grpc::Status GetAccessToken(grpc::ServerContext* context,
                              const v1::GetAccessTokenRequest* request,
                              v1::GetAccessTokenResponse* response) override;
  grpc::Status WatchAccessToken(
      grpc::ServerContext* context, const v1::WatchAccessTokenRequest* request,
      grpc::ServerWriter<v1::WatchAccessTokenResponse>* writer) override;
  grpc::Status GetJsapiSignature(
      grpc::ServerContext* context, const v1::GetJsapiSignatureRequest* request,
      v1::GetJsapiSignatureResponse* response) override;
  grpc::Status GetAuthorizeUrl(grpc::ServerContext* context,
                               const v1::GetAuthorizeUrlRequest* request,
                               v1::GetAuthorizeUrlResponse* response) override;
  grpc::Status GetUser(grpc::ServerContext* context,
                       const v1::GetUserRequest* request,
                       v1::GetUserResponse* response) override;
  grpc::Status BatchGetUsers(grpc::ServerContext* context,
                             const v1::BatchGetUsersRequest* request,
                             v1::BatchGetUsersResponse* response) override;

 private:
  // Held from Begin to End: one call at a time, but for those that wait.
  using Lock = std::unique_lock<std::mutex>;

  // Counts a call; holds or fails it when that was asked for.
  grpc::Status Begin(grpc::ServerContext& context, const std::string& method,
                     Lock& lock);
  // A failure gets its request id.
  grpc::Status End(grpc::ServerContext& context, const grpc::Status& status);
  // A unary call, from Begin to End.
  template <typename Request, typename Response>
  grpc::Status Serve(grpc::ServerContext& context, const std::string& method,
                     const Request& request, Response& response);
  // Sends the app's tokens until the stream ends.
  grpc::Status Watch(grpc::ServerContext& context,
                     const v1::WatchAccessTokenRequest& request,
                     grpc::ServerWriter<v1::WatchAccessTokenResponse>& writer,
                     Lock& lock);

  FakeWorld& world_;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_SERVICE_H_

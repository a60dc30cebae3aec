#include "server/rpc/identity_service.h"

#include <utility>

#include "server/rpc/calls.h"
#include "server/rpc/redacted.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident {
namespace {

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

class IdentityService final : public v1::IdentityService::CallbackService {
 public:
  explicit IdentityService(Services services) : services_(services) {}

  Reactor* Login(Context* context, const v1::LoginRequest* request,
                 v1::LoginResponse* response) override {
    LogRequest("Login", *request);
    return StartLogin(services_, *context, *request, *response);
  }

  Reactor* ValidateSession(Context* context,
                           const v1::ValidateSessionRequest* request,
                           v1::ValidateSessionResponse* response) override {
    LogRequest("ValidateSession", *request);
    return StartValidateSession(services_, *context, *request, *response);
  }

  Reactor* RevokeSession(Context* context,
                         const v1::RevokeSessionRequest* request,
                         v1::RevokeSessionResponse* response) override {
    LogRequest("RevokeSession", *request);
    return StartRevokeSession(services_, *context, *request, *response);
  }

  Reactor* DecryptPhone(Context* context,
                        const v1::DecryptPhoneRequest* request,
                        v1::DecryptPhoneResponse* response) override {
    LogRequest("DecryptPhone", *request);
    return StartDecryptPhone(services_, *context, *request, *response);
  }

  Reactor* GetUserInfo(Context* context, const v1::GetUserInfoRequest* request,
                       v1::GetUserInfoResponse* response) override {
    LogRequest("GetUserInfo", *request);
    return StartGetUserInfo(services_, *context, *request, *response);
  }

  Reactor* GetAccessToken(Context* context,
                          const v1::GetAccessTokenRequest* request,
                          v1::GetAccessTokenResponse* response) override {
    LogRequest("GetAccessToken", *request);
    return StartGetAccessToken(services_, *context, *request, *response);
  }

  grpc::ServerWriteReactor<v1::WatchAccessTokenResponse>* WatchAccessToken(
      Context* context, const v1::WatchAccessTokenRequest* request) override {
    LogRequest("WatchAccessToken", *request);
    return StartWatchAccessToken(services_, *context, *request);
  }

  Reactor* GetJsapiSignature(Context* context,
                             const v1::GetJsapiSignatureRequest* request,
                             v1::GetJsapiSignatureResponse* response) override {
    LogRequest("GetJsapiSignature", *request);
    return StartGetJsapiSignature(services_, *context, *request, *response);
  }

  Reactor* GetUser(Context* context, const v1::GetUserRequest* request,
                   v1::GetUserResponse* response) override {
    LogRequest("GetUser", *request);
    return StartGetUser(services_, *context, *request, *response);
  }

  Reactor* RefreshSession(Context* context,
                          const v1::RefreshSessionRequest* request,
                          v1::RefreshSessionResponse* response) override {
    LogRequest("RefreshSession", *request);
    return StartRefreshSession(services_, *context, *request, *response);
  }

  Reactor* CheckSessionKey(Context* context,
                           const v1::CheckSessionKeyRequest* request,
                           v1::CheckSessionKeyResponse* response) override {
    LogRequest("CheckSessionKey", *request);
    return StartCheckSessionKey(services_, *context, *request, *response);
  }

  Reactor* DecryptUserData(Context* context,
                           const v1::DecryptUserDataRequest* request,
                           v1::DecryptUserDataResponse* response) override {
    LogRequest("DecryptUserData", *request);
    return StartDecryptUserData(services_, *context, *request, *response);
  }

  Reactor* GetAuthorizeUrl(Context* context,
                           const v1::GetAuthorizeUrlRequest* request,
                           v1::GetAuthorizeUrlResponse* response) override {
    LogRequest("GetAuthorizeUrl", *request);
    return StartGetAuthorizeUrl(services_, *context, *request, *response);
  }

  Reactor* BatchGetUsers(Context* context,
                         const v1::BatchGetUsersRequest* request,
                         v1::BatchGetUsersResponse* response) override {
    LogRequest("BatchGetUsers", *request);
    return StartBatchGetUsers(services_, *context, *request, *response);
  }

 private:
  const Services services_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeIdentityService(Services services) {
  return std::make_unique<IdentityService>(services);
}

}  // namespace wxident

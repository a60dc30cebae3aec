#ifndef WXIDENT_SERVER_RPC_CALLS_H_
#define WXIDENT_SERVER_RPC_CALLS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "server/rpc/services.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

// Each starts one RPC as identity_service.proto describes it; <rpc>_call.cc
// holds its steps. The reactor owns itself; `services`, and gRPC's context,
// request and response outlive it.

grpc::ServerUnaryReactor* StartLogin(const Services& services,
                                     grpc::CallbackServerContext& context,
                                     const v1::LoginRequest& request,
                                     v1::LoginResponse& response);

grpc::ServerUnaryReactor* StartValidateSession(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::ValidateSessionRequest& request,
    v1::ValidateSessionResponse& response);

grpc::ServerUnaryReactor* StartRevokeSession(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::RevokeSessionRequest& request,
    v1::RevokeSessionResponse& response);

grpc::ServerUnaryReactor* StartDecryptPhone(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::DecryptPhoneRequest& request, v1::DecryptPhoneResponse& response);

grpc::ServerUnaryReactor* StartGetUserInfo(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::GetUserInfoRequest& request, v1::GetUserInfoResponse& response);

grpc::ServerUnaryReactor* StartGetAccessToken(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::GetAccessTokenRequest& request,
    v1::GetAccessTokenResponse& response);

grpc::ServerWriteReactor<v1::WatchAccessTokenResponse>* StartWatchAccessToken(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::WatchAccessTokenRequest& request);

grpc::ServerUnaryReactor* StartGetJsapiSignature(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::GetJsapiSignatureRequest& request,
    v1::GetJsapiSignatureResponse& response);

grpc::ServerUnaryReactor* StartGetUser(const Services& services,
                                       grpc::CallbackServerContext& context,
                                       const v1::GetUserRequest& request,
                                       v1::GetUserResponse& response);

grpc::ServerUnaryReactor* StartRefreshSession(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::RefreshSessionRequest& request,
    v1::RefreshSessionResponse& response);

grpc::ServerUnaryReactor* StartCheckSessionKey(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::CheckSessionKeyRequest& request,
    v1::CheckSessionKeyResponse& response);

grpc::ServerUnaryReactor* StartDecryptUserData(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::DecryptUserDataRequest& request,
    v1::DecryptUserDataResponse& response);

grpc::ServerUnaryReactor* StartGetAuthorizeUrl(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::GetAuthorizeUrlRequest& request,
    v1::GetAuthorizeUrlResponse& response);

grpc::ServerUnaryReactor* StartBatchGetUsers(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::BatchGetUsersRequest& request,
    v1::BatchGetUsersResponse& response);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_CALLS_H_

#ifndef WXIDENT_SERVER_RPC_ADMIN_CALLS_H_
#define WXIDENT_SERVER_RPC_ADMIN_CALLS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "server/rpc/services.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {

// The same as calls.h, of admin_service.proto.

grpc::ServerUnaryReactor* StartListApps(const Services& services,
                                        grpc::CallbackServerContext& context,
                                        const v1::ListAppsRequest& request,
                                        v1::ListAppsResponse& response);

grpc::ServerUnaryReactor* StartGetAppStatus(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::GetAppStatusRequest& request, v1::GetAppStatusResponse& response);

grpc::ServerUnaryReactor* StartRefreshAccessToken(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::RefreshAccessTokenRequest& request,
    v1::RefreshAccessTokenResponse& response);

grpc::ServerUnaryReactor* StartEraseUser(const Services& services,
                                         grpc::CallbackServerContext& context,
                                         const v1::EraseUserRequest& request,
                                         v1::EraseUserResponse& response);

grpc::ServerUnaryReactor* StartExportUser(const Services& services,
                                          grpc::CallbackServerContext& context,
                                          const v1::ExportUserRequest& request,
                                          v1::ExportUserResponse& response);

grpc::ServerUnaryReactor* StartRotateKeys(const Services& services,
                                          grpc::CallbackServerContext& context,
                                          const v1::RotateKeysRequest& request,
                                          v1::RotateKeysResponse& response);

grpc::ServerUnaryReactor* StartGetKeyStatus(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::GetKeyStatusRequest& request, v1::GetKeyStatusResponse& response);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_ADMIN_CALLS_H_

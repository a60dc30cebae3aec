#ifndef WXIDENT_SERVER_RPC_CALLS_H_
#define WXIDENT_SERVER_RPC_CALLS_H_

#include "server/rpc/rpc.h"
#include "server/rpc/services.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

// The RPCs as identity_service.proto describes them; <rpc>_call.cc holds the
// steps of each.

RpcMethod BatchGetUsersMethod(const Services& services);
RpcMethod CheckSessionKeyMethod(const Services& services);
RpcMethod DecryptPhoneMethod(const Services& services);
RpcMethod DecryptUserDataMethod(const Services& services);
RpcMethod GetAccessTokenMethod(const Services& services);
RpcMethod GetAuthorizeUrlMethod(const Services& services);
RpcMethod GetJsapiSignatureMethod(const Services& services);
RpcMethod GetUserInfoMethod(const Services& services);
RpcMethod GetUserMethod(const Services& services);
RpcMethod LoginMethod(const Services& services);
RpcMethod RefreshSessionMethod(const Services& services);
RpcMethod RevokeSessionMethod(const Services& services);
RpcMethod ValidateSessionMethod(const Services& services);
RpcMethod WatchAccessTokenMethod(const Services& services);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_CALLS_H_

#ifndef WXIDENT_SERVER_RPC_ADMIN_CALLS_H_
#define WXIDENT_SERVER_RPC_ADMIN_CALLS_H_

#include "server/rpc/rpc.h"
#include "server/rpc/services.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {

// The same as calls.h, of admin_service.proto.

RpcMethod EraseUserMethod(const Services& services);
RpcMethod ExportUserMethod(const Services& services);
RpcMethod GetAppStatusMethod(const Services& services);
RpcMethod GetKeyStatusMethod(const Services& services);
RpcMethod ListAppsMethod(const Services& services);
RpcMethod RefreshAccessTokenMethod(const Services& services);
RpcMethod RotateKeysMethod(const Services& services);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_ADMIN_CALLS_H_

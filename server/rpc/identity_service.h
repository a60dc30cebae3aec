#ifndef WXIDENT_SERVER_RPC_IDENTITY_SERVICE_H_
#define WXIDENT_SERVER_RPC_IDENTITY_SERVICE_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>

#include "server/rpc/services.h"

namespace wxident {

// wxident.v1.IdentityService over gRPC's callback API.
std::unique_ptr<grpc::Service> MakeIdentityService(Services services);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_IDENTITY_SERVICE_H_

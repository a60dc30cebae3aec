#ifndef WXIDENT_SERVER_RPC_ADMIN_SERVICE_H_
#define WXIDENT_SERVER_RPC_ADMIN_SERVICE_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>

#include "server/rpc/services.h"

namespace wxident {

// wxident.v1.AdminService over gRPC's callback API. It asks nobody who they
// are: to be served only where none but operators can connect.
std::unique_ptr<grpc::Service> MakeAdminService(Services services);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_ADMIN_SERVICE_H_

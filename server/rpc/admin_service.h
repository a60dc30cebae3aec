#ifndef WXIDENT_SERVER_RPC_ADMIN_SERVICE_H_
#define WXIDENT_SERVER_RPC_ADMIN_SERVICE_H_

#include "server/edge/call.h"
#include "server/rpc/services.h"

namespace wxident {

// wxident.v1.AdminService. The policy says who may call it, as everything else;
// it is to be served only where none but operators can connect.
EdgeMethods AdminMethods(const Services& services);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_ADMIN_SERVICE_H_

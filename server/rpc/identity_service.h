#ifndef WXIDENT_SERVER_RPC_IDENTITY_SERVICE_H_
#define WXIDENT_SERVER_RPC_IDENTITY_SERVICE_H_

#include "server/edge/call.h"
#include "server/rpc/services.h"

namespace wxident {

// wxident.v1.IdentityService.
EdgeMethods IdentityMethods(const Services& services);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_IDENTITY_SERVICE_H_

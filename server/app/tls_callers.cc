#include "server/app/tls_callers.h"

#include <grpc/grpc_security_constants.h>

#include <memory>
#include <vector>

#include "server/identity/error.h"

namespace wxident {

absl::StatusOr<std::string> TlsCallers::Identify(
    const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  const std::vector<grpc::string_ref> uris =
      peer->FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME);
  if (uris.size() != 1)
    return Error(Reason::kCallerUnauthenticated,
                 "the client certificate must hold exactly one URI")
        .ToStatus();
  return std::string(uris.front().data(), uris.front().size());
}

}  // namespace wxident

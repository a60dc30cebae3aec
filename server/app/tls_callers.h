#ifndef WXIDENT_SERVER_APP_TLS_CALLERS_H_
#define WXIDENT_SERVER_APP_TLS_CALLERS_H_

#include <grpcpp/server_context.h>

#include <string>

#include "absl/status/statusor.h"
#include "server/rpc/caller.h"

namespace wxident {

// Callers by the client certificate of their connection.
class TlsCallers final : public Callers {
 public:
  absl::StatusOr<std::string> Identify(
      const grpc::ServerContextBase& context) override;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_TLS_CALLERS_H_

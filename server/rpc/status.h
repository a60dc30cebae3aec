#ifndef WXIDENT_SERVER_RPC_STATUS_H_
#define WXIDENT_SERVER_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace wxident {

// The one place where our errors become gRPC's: the code and message, and in
// the details one google.rpc.ErrorInfo, a BadRequest for fields, a RetryInfo
// for a wait. A status that is no Error of ours becomes INTERNAL with a message
// that tells nothing of the inside.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_STATUS_H_

#include "server/rpc/admit_call.h"

#include "server/rpc/status.h"

namespace wxident {

CallStatus RefusalOf(const absl::Status& refused) {
  const grpc::Status status = ToGrpcStatus(refused);
  return {.code = static_cast<absl::StatusCode>(status.error_code()),
          .message = status.error_message(),
          .details = status.error_details()};
}

}  // namespace wxident

#ifndef WXIDENT_SERVER_RPC_STATUS_H_
#define WXIDENT_SERVER_RPC_STATUS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/edge/call.h"

namespace wxident {

// The one place where our errors become gRPC's: the code and message, and in
// the details one google.rpc.ErrorInfo, a BadRequest for fields, a RetryInfo
// for a wait. A status that is no Error of ours becomes INTERNAL with a message
// that tells nothing of the inside.
CallStatus ToCallStatus(const absl::Status& status);

// What the caller is told of an error in words: nothing of the inside.
std::string PublicMessage(const absl::Status& status);

// Whether the caller may send a failed request again.
enum class Repeat {
  kSafe,
  // The request holds or costs something that works once, a code or one of the
  // day's forced refreshes, and the error tells whether WeChat may have taken
  // it.
  kMaySpend,
  // WeChat has taken it.
  kSpent,
};

// The value of the trailing metadata grpc-retry-pushback-ms, which gRPC clients
// that have a retry policy obey: how long to wait, or -1: give up. nullopt: as
// the policy says. It is -1 where what the request needs may be spent, and
// where the wait is longer than the `left` of the call: the caller then hears
// the reason now and not of a passed deadline later. Only UNAVAILABLE carries a
// time. `left` is infinite for a stream, which then waits for 3 s at most.
std::optional<int64_t> RetryPushbackMs(const absl::Status& status,
                                       Repeat repeat, absl::Duration left);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_STATUS_H_

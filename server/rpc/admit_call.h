#ifndef WXIDENT_SERVER_RPC_ADMIT_CALL_H_
#define WXIDENT_SERVER_RPC_ADMIT_CALL_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "server/edge/call.h"
#include "server/policy/access_control.h"

namespace wxident {

// Asks whether a caller may make a call that needs no right, of health or
// reflection or of no method at all, for its limits hold there, too. What is
// given is kept until the call has ended, so that it counts as running; it may
// be nullptr. Thread-safe; does not block.
using AdmitCall = std::function<absl::StatusOr<std::shared_ptr<void>>(
    const Call& call, AccessControl::Kind kind)>;

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_ADMIT_CALL_H_

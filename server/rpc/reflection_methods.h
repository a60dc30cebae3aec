#ifndef WXIDENT_SERVER_RPC_REFLECTION_METHODS_H_
#define WXIDENT_SERVER_RPC_REFLECTION_METHODS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/edge/call.h"
#include "server/rpc/admit_call.h"

namespace wxident {

// gRPC's server reflection, grpc.reflection.v1 and v1alpha: tells of
// `services`, by their full names, of grpc.health.v1.Health and of itself, and
// of no file that none of them needs. Each request on a stream asks `admit`.
// All answers are made here, once. Fails with NOT_FOUND for a service that is
// not linked in. Thread-safe.
absl::StatusOr<EdgeMethods> ReflectionMethods(
    const std::vector<std::string>& services, AdmitCall admit);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_REFLECTION_METHODS_H_

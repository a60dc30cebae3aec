#ifndef WXIDENT_TESTS_EDGE_INTEROP_SERVICE_H_
#define WXIDENT_TESTS_EDGE_INTEROP_SERVICE_H_

#include "server/edge/call.h"

namespace wxident {

// grpc.testing.TestService, see interop.proto. Answers come at once, whatever
// interval a request asks for.
EdgeMethods InteropMethods();

}  // namespace wxident

#endif  // WXIDENT_TESTS_EDGE_INTEROP_SERVICE_H_

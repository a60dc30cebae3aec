#ifndef WXIDENT_SERVER_APP_CALL_COUNTER_H_
#define WXIDENT_SERVER_APP_CALL_COUNTER_H_

#include <grpcpp/support/server_interceptor.h>

#include "server/app/connection_guard.h"

namespace wxident {

// Counts each call of a listener, of whatever service and also of none, for the
// connection that it came by. gRPC shows it a call when the request is whole,
// or will never be. Thread-safe.
class CallCounter final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  // `guard` outlives every call.
  explicit CallCounter(ConnectionGuard& guard) : guard_(guard) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* call) override;

 private:
  ConnectionGuard& guard_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_CALL_COUNTER_H_

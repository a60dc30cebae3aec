#ifndef WXIDENT_SERVER_APP_CALL_COUNTER_H_
#define WXIDENT_SERVER_APP_CALL_COUNTER_H_

#include <grpcpp/support/server_interceptor.h>

#include <atomic>
#include <memory>
#include <utility>

#include "server/app/connection_guard.h"

namespace wxident {

// What one call adds to the counts of its connection. It runs until its peer
// has closed it and its handler has ended it. gRPC destroys it later than that,
// by seconds when it has much to do for other peers, which is not to count
// against this one. Thread-safe.
class CountedCall {
 public:
  CountedCall(std::shared_ptr<CallCounts> counts, bool is_unary);
  // gRPC ends calls of unknown methods without a handler.
  ~CountedCall();
  CountedCall(const CountedCall&) = delete;
  CountedCall& operator=(const CountedCall&) = delete;

  enum class Result {
    kServed,
    kWasted,
    // Neither: its time was over before the server came to it.
    kNone,
  };

  // The server sends something on a stream.
  void OnAnswer();
  // Once each, in any order.
  void OnHandlerEnded() { OnOneEnded(); }
  void OnClosed(Result result);

 private:
  void OnOneEnded();
  void End();

  const std::shared_ptr<CallCounts> counts_;
  const bool is_unary_;
  std::atomic<bool> answered_{false};
  std::atomic<int> ends_missing_{2};
};

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

#include "server/app/call_counter.h"

#include <grpcpp/server_context.h>

#include <chrono>

namespace wxident {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::ServerRpcInfo;

// A call that its peer ended sooner than this was not given a chance.
constexpr std::chrono::milliseconds kChance(100);

class CountingInterceptor final : public grpc::experimental::Interceptor {
 public:
  CountingInterceptor(std::shared_ptr<CallCounts> counts, ServerRpcInfo& call)
      : call_(call),
        is_unary_(call.type() == ServerRpcInfo::Type::UNARY),
        counted_(std::move(counts), is_unary_) {}

  void Intercept(
      grpc::experimental::InterceptorBatchMethods* methods) override {
    if (!is_unary_ && methods->QueryInterceptionHookPoint(
                          InterceptionHookPoints::PRE_SEND_MESSAGE))
      counted_.OnAnswer();
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_STATUS))
      counted_.OnHandlerEnded();
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::POST_RECV_CLOSE))
      counted_.OnClosed(Result());
    methods->Proceed();
  }

 private:
  CountedCall::Result Result() const {
    if (!IsCancelled() || std::chrono::steady_clock::now() - began_ >= kChance)
      return CountedCall::Result::kServed;
    // A caller whose time is over before the server comes to the call is not to
    // blame for a slow server, nor has it had anything.
    return call_.server_context()->deadline() > began_by_the_wall_
               ? CountedCall::Result::kWasted
               : CountedCall::Result::kNone;
  }

  // Of gRPC's own services, reflection and channelz, which are synchronous,
  // that cannot be asked here: the answer would wait for this to have ended.
  bool IsCancelled() const {
    const auto* context =
        dynamic_cast<grpc::CallbackServerContext*>(call_.server_context());
    return context != nullptr && context->IsCancelled();
  }

  ServerRpcInfo& call_;
  const bool is_unary_;
  CountedCall counted_;
  const std::chrono::steady_clock::time_point began_ =
      std::chrono::steady_clock::now();
  const std::chrono::system_clock::time_point began_by_the_wall_ =
      std::chrono::system_clock::now();
};

}  // namespace

CountedCall::CountedCall(std::shared_ptr<CallCounts> counts, bool is_unary)
    : counts_(std::move(counts)), is_unary_(is_unary) {
  ++counts_->running;
  if (is_unary_) ++counts_->running_unary;
}

CountedCall::~CountedCall() {
  if (ends_missing_ > 0) End();
}

void CountedCall::OnAnswer() {
  if (!answered_.exchange(true)) ++counts_->running_answered;
}

void CountedCall::OnClosed(Result result) {
  // First, so that at no moment the call explains nothing.
  if (result == Result::kServed) ++counts_->served;
  if (result == Result::kWasted) ++counts_->wasted;
  OnOneEnded();
}

void CountedCall::OnOneEnded() {
  if (--ends_missing_ == 0) End();
}

void CountedCall::End() {
  if (is_unary_) --counts_->running_unary;
  if (answered_) --counts_->running_answered;
  --counts_->running;
}

grpc::experimental::Interceptor* CallCounter::CreateServerInterceptor(
    ServerRpcInfo* call) {
  return new CountingInterceptor(
      guard_.CountsOf(call->server_context()->peer()), *call);
}

}  // namespace wxident

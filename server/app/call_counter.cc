#include "server/app/call_counter.h"

#include <grpcpp/server_context.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

namespace wxident {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::ServerRpcInfo;

// A call that its peer ended sooner than this was not given a chance.
constexpr std::chrono::milliseconds kChance(100);

class CountedCall final : public grpc::experimental::Interceptor {
 public:
  CountedCall(std::shared_ptr<CallCounts> counts, ServerRpcInfo& call)
      : counts_(std::move(counts)),
        call_(call),
        unary_(call.type() == ServerRpcInfo::Type::UNARY) {
    ++counts_->running;
    if (unary_) ++counts_->running_unary;
  }

  ~CountedCall() override {
    if (unary_) --counts_->running_unary;
    if (answered_) --counts_->running_answered;
    --counts_->running;
  }

  void Intercept(
      grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::POST_RECV_CLOSE))
      OnClosed();
    if (!unary_ && methods->QueryInterceptionHookPoint(
                       InterceptionHookPoints::PRE_SEND_MESSAGE))
      OnAnswer();
    methods->Proceed();
  }

 private:
  void OnAnswer() {
    if (!answered_.exchange(true)) ++counts_->running_answered;
  }

  void OnClosed() {
    if (!IsCancelled() || std::chrono::steady_clock::now() - began_ >= kChance)
      ++counts_->served;
    // A caller whose time is over before the server comes to the call is not to
    // blame for a slow server, nor has it had anything.
    else if (call_.server_context()->deadline() > began_by_the_wall_)
      ++counts_->wasted;
  }

  // Of gRPC's own services, reflection and channelz, which are synchronous,
  // that cannot be asked here: the answer would wait for this to have ended.
  bool IsCancelled() const {
    const auto* context =
        dynamic_cast<grpc::CallbackServerContext*>(call_.server_context());
    return context != nullptr && context->IsCancelled();
  }

  const std::shared_ptr<CallCounts> counts_;
  ServerRpcInfo& call_;
  const bool unary_;
  std::atomic<bool> answered_{false};
  const std::chrono::steady_clock::time_point began_ =
      std::chrono::steady_clock::now();
  const std::chrono::system_clock::time_point began_by_the_wall_ =
      std::chrono::system_clock::now();
};

}  // namespace

grpc::experimental::Interceptor* CallCounter::CreateServerInterceptor(
    ServerRpcInfo* call) {
  return new CountedCall(guard_.CountsOf(call->server_context()->peer()),
                         *call);
}

}  // namespace wxident

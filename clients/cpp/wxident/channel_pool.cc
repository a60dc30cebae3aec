#include "wxident/channel_pool.h"

#include <algorithm>
#include <utility>

namespace wxident::client {

// gRPC makes one at the beginning of a call, and keeps it in the ClientContext.
class ChannelPool::CountedCall : public grpc::experimental::Interceptor {
 public:
  explicit CountedCall(Count calls) : calls_(std::move(calls)) { ++*calls_; }
  ~CountedCall() override { --*calls_; }

  void Intercept(grpc::experimental::InterceptorBatchMethods* batch) override {
    batch->Proceed();
  }

 private:
  const Count calls_;
};

class ChannelPool::CountCalls
    : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit CountCalls(Count calls) : calls_(std::move(calls)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo*) override {
    return new CountedCall(calls_);
  }

 private:
  const Count calls_;
};

ChannelPool::ChannelPool(MakeChannel make_channel)
    : make_channel_(std::move(make_channel)) {
  Add();
}

v1::IdentityService::Stub& ChannelPool::Pick() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const Member& member : members_)
    if (*member.calls < kFull) return *member.stub;
  if (members_.size() < kMostChannels) return Add();
  return *std::min_element(members_.begin(), members_.end(),
                           [](const Member& one, const Member& other) {
                             return *one.calls < *other.calls;
                           })
              ->stub;
}

v1::IdentityService::Stub& ChannelPool::Add() {
  auto calls = std::make_shared<std::atomic<int>>(0);
  Interceptors interceptors;
  interceptors.push_back(std::make_unique<CountCalls>(calls));
  members_.push_back({calls, v1::IdentityService::NewStub(
                                 make_channel_(std::move(interceptors)))});
  return *members_.back().stub;
}

}  // namespace wxident::client

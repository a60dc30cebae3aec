#include "wxident/channel_pool.h"

#include <algorithm>
#include <utility>

namespace wxident::client {

// A place of a channel, which counts as long as this is there.
class ChannelPool::Place {
 public:
  Place() = default;
  explicit Place(Count calls) : calls_(std::move(calls)) { ++*calls_; }
  Place(Place&& other) noexcept : calls_(std::move(other.calls_)) {}
  Place& operator=(Place&& other) noexcept {
    std::swap(calls_, other.calls_);
    return *this;
  }
  ~Place() {
    if (calls_ != nullptr) --*calls_;
  }

  bool Is(const Count& calls) const { return calls_ == calls; }

 private:
  Count calls_;
};

// gRPC makes one at the beginning of a call, and keeps it in the ClientContext.
class ChannelPool::CountedCall : public grpc::experimental::Interceptor {
 public:
  explicit CountedCall(Place place) : place_(std::move(place)) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* batch) override {
    batch->Proceed();
  }

 private:
  const Place place_;
};

class ChannelPool::CountCalls
    : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit CountCalls(Count calls) : calls_(std::move(calls)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo*) override {
    // gRPC calls this on the thread that begins the call.
    Place& picked = Picked();
    return new CountedCall(picked.Is(calls_) ? std::exchange(picked, Place())
                                             : Place(calls_));
  }

 private:
  const Count calls_;
};

ChannelPool::Place& ChannelPool::Picked() {
  thread_local Place picked;
  return picked;
}

ChannelPool::ChannelPool(MakeChannel make_channel)
    : make_channel_(std::move(make_channel)) {
  Add();
}

v1::IdentityService::Stub& ChannelPool::Pick() {
  // What this thread picked before and did not use.
  Picked() = Place();
  std::lock_guard<std::mutex> lock(mutex_);
  const Member& member = WithRoom();
  Picked() = Place(member.calls);
  return *member.stub;
}

const ChannelPool::Member& ChannelPool::WithRoom() {
  for (const Member& member : members_)
    if (*member.calls < kFull) return member;
  if (members_.size() < kMostChannels) return Add();
  return *std::min_element(members_.begin(), members_.end(),
                           [](const Member& one, const Member& other) {
                             return *one.calls < *other.calls;
                           });
}

const ChannelPool::Member& ChannelPool::Add() {
  auto calls = std::make_shared<std::atomic<int>>(0);
  Interceptors interceptors;
  interceptors.push_back(std::make_unique<CountCalls>(calls));
  members_.push_back({calls, v1::IdentityService::NewStub(
                                 make_channel_(std::move(interceptors)))});
  return members_.back();
}

}  // namespace wxident::client

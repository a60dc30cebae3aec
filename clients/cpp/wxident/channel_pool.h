#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_CHANNEL_POOL_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_CHANNEL_POOL_H_

#include <grpcpp/channel.h>
#include <grpcpp/support/client_interceptor.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident::client {

// One channel for those who call, and further ones to the same servers behind
// it while there are more calls under way than a connection takes: the server
// allows 256 streams, a proxy before it often 100, the least that RFC 9113
// advises, and gRPC keeps a call beyond them back, without an error, until
// another one ends.
//
// The first channel with room gets a call, so further ones are left when there
// are fewer calls again, and gRPC ends the connections of a channel that has
// none for 30 minutes. Thread-safe.
class ChannelPool {
 public:
  // A channel with so many calls under way gets no more while another has room.
  // What is left of 100 is for calls that are not counted, such as health
  // checks.
  static constexpr int kFull = 80;
  // With all of these full, calls are spread over them, and wait when there is
  // no stream left, as gRPC has it.
  static constexpr size_t kMostChannels = 16;

  using Interceptors = std::vector<
      std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>>;
  // Makes a channel that shares no connection with another one.
  using MakeChannel =
      std::function<std::shared_ptr<grpc::Channel>(Interceptors)>;

  explicit ChannelPool(MakeChannel make_channel);

  // The stub of the channel for one more call. It lives as long as this. The
  // call counts from now on, if this thread begins it, else from its beginning,
  // and until its ClientContext is destroyed.
  v1::IdentityService::Stub& Pick();

 private:
  // The calls on a channel; shared with them.
  using Count = std::shared_ptr<std::atomic<int>>;
  class Place;
  class CountedCall;
  class CountCalls;

  struct Member {
    Count calls;
    std::unique_ptr<v1::IdentityService::Stub> stub;
  };

  // What the running thread has picked and not begun.
  static Place& Picked();
  // With mutex_ held, both.
  const Member& WithRoom();
  const Member& Add();

  const MakeChannel make_channel_;
  std::mutex mutex_;
  // At least one; only more are added.
  std::vector<Member> members_;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_CHANNEL_POOL_H_

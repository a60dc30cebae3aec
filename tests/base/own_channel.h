#ifndef WXIDENT_TESTS_BASE_OWN_CHANNEL_H_
#define WXIDENT_TESTS_BASE_OWN_CHANNEL_H_

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>

namespace wxident {

// A channel to `addr` over a connection that no other channel of the process
// shares, as gRPC lets those do that have the same address and arguments.
inline std::shared_ptr<grpc::Channel> OwnChannel(
    const std::string& addr,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials =
        grpc::InsecureChannelCredentials()) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(addr, credentials, arguments);
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_BASE_OWN_CHANNEL_H_

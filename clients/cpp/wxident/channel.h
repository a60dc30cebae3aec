#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_CHANNEL_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>

#include "absl/status/statusor.h"
#include "clients/cpp/wxident/client.h"

namespace wxident::client {

// The channel that ClientOptions describe.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(
    const ClientOptions& options);

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_CHANNEL_H_

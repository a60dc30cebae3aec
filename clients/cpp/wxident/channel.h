#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_CHANNEL_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>

#include "absl/status/statusor.h"
#include "wxident/client.h"

namespace wxident::client {

// The channel that ClientOptions describe. It looks at the certificate files
// every `reload_seconds`.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(
    const ClientOptions& options, unsigned int reload_seconds = 10);

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_CHANNEL_H_

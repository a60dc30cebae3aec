#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_CHANNEL_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_CHANNEL_H_

#include "absl/status/statusor.h"
#include "wxident/channel_pool.h"
#include "wxident/client.h"

namespace wxident::client {

// Makes the channels that ClientOptions describe. They look at the certificate
// files every `reload_seconds`.
absl::StatusOr<ChannelPool::MakeChannel> ChannelMaker(
    const ClientOptions& options, unsigned int reload_seconds = 10);

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_CHANNEL_H_

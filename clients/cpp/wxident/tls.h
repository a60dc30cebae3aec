#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_TLS_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_TLS_H_

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "wxident/client.h"

namespace wxident::client {

// TLS as the options' files say, which are looked at every so often. The
// server's certificate must name one of `names`, where there are several; one
// alone is left to gRPC, which goes by the channel's target. kInvalidArgument:
// a file is missing or holds no such thing.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeTlsCredentials(
    const ClientOptions& options, const std::vector<std::string>& names,
    unsigned int reload_seconds);

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_TLS_H_

#ifndef WXIDENT_TESTS_INTEGRATION_CANARY_CHANNEL_H_
#define WXIDENT_TESTS_INTEGRATION_CANARY_CHANNEL_H_

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "tests/integration/canary.h"

namespace wxident {

// A channel of a caller from whose answers `canary` learns the secrets that
// callers get, and whose errors are among the outputs it searches.
std::shared_ptr<grpc::Channel> MakeCanaryChannel(
    const std::string& addr,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    const grpc::ChannelArguments& arguments, std::shared_ptr<Canary> canary);

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_CANARY_CHANNEL_H_

#include "wxident/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "wxident/address.h"
#include "wxident/contract.h"
#include "wxident/tls.h"
#include "wxident/version.h"

namespace wxident::client {
absl::StatusOr<ChannelPool::MakeChannel> ChannelMaker(
    const ClientOptions& options, unsigned int reload_seconds) {
  const absl::StatusOr<std::vector<HostPort>> addresses =
      ParseAddress(options.address);
  if (!addresses.ok()) return addresses.status();
  grpc::ChannelArguments arguments;
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (options.insecure) {
    for (const auto& [host, port] : *addresses)
      if (!IsLoopback(host))
        return Refused("insecure", "WXIDENT_CLIENT_INSECURE",
                       absl::StrCat("allows loopback addresses only, and ",
                                    host, " is none; use TLS"));
    credentials = grpc::InsecureChannelCredentials();
  } else {
    std::vector<std::string> names;
    if (!options.server_name.empty())
      names.push_back(options.server_name);
    else
      for (const auto& [host, port] : *addresses) names.push_back(host);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    arguments.SetString(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, names.front());
    absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> made =
        MakeTlsCredentials(options, names, reload_seconds);
    if (!made.ok()) return made.status();
    credentials = *std::move(made);
  }
  const absl::StatusOr<std::string> target = TargetOf(*addresses);
  if (!target.ok()) return target.status();
  arguments.SetServiceConfigJSON(contract::kServiceConfig);
  arguments.SetUserAgentPrefix(absl::StrCat("wxident-cpp/", kVersion));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // Else the third ping of a WatchAccessToken that has nothing to tell is not
  // sent, and a lost server not noticed.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A server that comes back is found soon.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetMaxReceiveMessageSize(4 << 20);
  // Channels do not share connections: each takes so many calls more, and none
  // is slowed by the back-off of another client.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return [target = *target, credentials,
          arguments](ChannelPool::Interceptors interceptors) {
    return grpc::experimental::CreateCustomChannelWithInterceptors(
        target, credentials, arguments, std::move(interceptors));
  };
}

}  // namespace wxident::client

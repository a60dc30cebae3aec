#include "clients/cpp/wxident/channel.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "clients/cpp/wxident/version.h"

namespace wxident::client {
namespace {

// How often the certificate files are looked at.
constexpr unsigned int kReloadSeconds = 10;

// Every unary call may be repeated: a Login gives the same session for the same
// code, and where a repetition would do harm the server forbids it with
// grpc-retry-pushback-ms.
constexpr char kServiceConfig[] = R"json({
  "loadBalancingConfig": [{"round_robin": {}}],
  "healthCheckConfig": {"serviceName": "wxident.v1.IdentityService"},
  "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
  "methodConfig": [{
    "name": [{"service": "wxident.v1.IdentityService"}],
    "retryPolicy": {
      "maxAttempts": 3,
      "initialBackoff": "0.1s",
      "maxBackoff": "1s",
      "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }, {
    "name": [{"service": "wxident.v1.IdentityService",
              "method": "WatchAccessToken"}]
  }]
})json";

absl::Status Bad(const std::string& option, const std::string& variable,
                 const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat(option, " (", variable, ") ", what));
}

struct HostPort {
  std::string host;
  std::string port;
};

absl::StatusOr<HostPort> SplitAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 1 ||
      port > 65535)
    return Bad("address", "WXIDENT_GRPC_ADDR",
               absl::StrCat("is not host:port: \"", address, "\""));
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return HostPort{std::move(host), address.substr(colon + 1)};
}

bool IsLoopback(const std::string& host) {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1)
    return (ntohl(v4.s_addr) >> 24) == 127;
  return host == "localhost" || host == "::1";
}

// "127.0.0.1:443" or "[::1]:443" of one host.
absl::StatusOr<std::vector<std::string>> Resolve(const HostPort& address,
                                                 int family) {
  addrinfo hints = {};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found) !=
      0)
    return Bad("address", "WXIDENT_GRPC_ADDR",
               absl::StrCat("has an unknown host: ", address.host));
  std::vector<std::string> out;
  for (addrinfo* info = found; info != nullptr; info = info->ai_next) {
    char text[INET6_ADDRSTRLEN];
    if (getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text),
                    nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    out.push_back(family == AF_INET6
                      ? absl::StrCat("[", text, "]:", address.port)
                      : absl::StrCat(text, ":", address.port));
  }
  freeaddrinfo(found);
  return out;
}

struct Target {
  std::string uri;
  // Of the first address: what the server's certificate must name.
  std::string host;
};

absl::StatusOr<Target> MakeTarget(const ClientOptions& options) {
  if (options.address.empty())
    return Bad("address", "WXIDENT_GRPC_ADDR", "is required");
  if (absl::StrContains(options.address, "://")) {
    if (options.insecure)
      return Bad("insecure", "WXIDENT_INSECURE",
                 "is for loopback addresses only");
    return Target{options.address, ""};
  }
  std::vector<HostPort> all;
  for (const std::string& part : std::vector<std::string>(
           absl::StrSplit(options.address, ',', absl::SkipWhitespace()))) {
    absl::StatusOr<HostPort> one = SplitAddress(part);
    if (!one.ok()) return one.status();
    if (options.insecure && !IsLoopback(one->host))
      return Bad(
          "insecure", "WXIDENT_INSECURE",
          absl::StrCat("is for loopback addresses only, not for ", one->host));
    all.push_back(*std::move(one));
  }
  if (all.empty()) return Bad("address", "WXIDENT_GRPC_ADDR", "is required");
  if (all.size() == 1)
    return Target{absl::StrCat("dns:///", options.address), all[0].host};
  // libgrpc takes several addresses of one family.
  const int family = absl::StrContains(all[0].host, ':') ? AF_INET6 : AF_INET;
  std::vector<std::string> resolved;
  for (const HostPort& one : all) {
    absl::StatusOr<std::vector<std::string>> some = Resolve(one, family);
    if (!some.ok()) return some.status();
    resolved.insert(resolved.end(), some->begin(), some->end());
  }
  return Target{absl::StrCat(family == AF_INET ? "ipv4:" : "ipv6:",
                             absl::StrJoin(resolved, ",")),
                all[0].host};
}

absl::Status CheckReadable(const std::string& path, const std::string& option,
                           const std::string& variable) {
  if (path.empty() || access(path.c_str(), R_OK) == 0) return absl::OkStatus();
  return Bad(option, variable, absl::StrCat("cannot be read: ", path));
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(
    const ClientOptions& options) {
  if (options.insecure) return grpc::InsecureChannelCredentials();
  if (options.cert_file.empty() != options.key_file.empty())
    return Bad("cert_file and key_file",
               "WXIDENT_TLS_CERT_FILE, WXIDENT_TLS_KEY_FILE",
               "must be set both or not at all");
  for (const auto& [path, option, variable] :
       {std::tuple(options.ca_file, "ca_file", "WXIDENT_TLS_CA_FILE"),
        std::tuple(options.cert_file, "cert_file", "WXIDENT_TLS_CERT_FILE"),
        std::tuple(options.key_file, "key_file", "WXIDENT_TLS_KEY_FILE")})
    if (absl::Status bad = CheckReadable(path, option, variable); !bad.ok())
      return bad;
  namespace tls = grpc::experimental;
  tls::TlsChannelCredentialsOptions ssl;
  if (!options.cert_file.empty() || !options.ca_file.empty()) {
    ssl.set_certificate_provider(
        std::make_shared<tls::FileWatcherCertificateProvider>(
            options.key_file, options.cert_file, options.ca_file,
            kReloadSeconds));
    if (!options.ca_file.empty()) ssl.watch_root_certs();
    if (!options.cert_file.empty()) ssl.watch_identity_key_cert_pairs();
  }
  return tls::TlsCredentials(ssl);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(
    const ClientOptions& options) {
  absl::StatusOr<Target> target = MakeTarget(options);
  if (!target.ok()) return target.status();
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
      MakeCredentials(options);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kServiceConfig);
  arguments.SetUserAgentPrefix(absl::StrCat("wxident-cpp/", kVersion));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetMaxReceiveMessageSize(4 << 20);
  const std::string& name =
      options.server_name.empty() ? target->host : options.server_name;
  if (!options.insecure && !name.empty())
    arguments.SetString(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, name);
  return grpc::CreateCustomChannel(target->uri, *credentials, arguments);
}

}  // namespace wxident::client

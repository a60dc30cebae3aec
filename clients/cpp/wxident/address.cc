#include "wxident/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace wxident::client {
namespace {

constexpr char kDns[] = "dns:///";

absl::Status BadAddress(const std::string& what) {
  return Refused("address", "WXIDENT_CLIENT_ADDR", what);
}

absl::StatusOr<HostPort> Split(const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  const bool bracketed =
      host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  int port = 0;
  if (colon == std::string::npos || host.empty() ||
      host.find_first_of("/[]% ") != std::string::npos ||
      (!bracketed && absl::StrContains(host, ':')) ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 1 ||
      port > 65535)
    return BadAddress(
        absl::StrCat("has \"", address,
                     "\"; it must be host:port, several by comma, or "
                     "dns:///name:port"));
  return HostPort{std::move(host), absl::StrCat(port)};
}

std::string Join(const std::string& host, const std::string& port) {
  // In a URI's path brackets are not allowed.
  return absl::StrContains(host, ':') ? absl::StrCat("%5B", host, "%5D:", port)
                                      : absl::StrCat(host, ":", port);
}

// All addresses of a host, as numbers.
absl::StatusOr<std::vector<HostPort>> Resolve(const HostPort& address) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found) !=
      0)
    return BadAddress(absl::StrCat(
        "has the host ", address.host,
        ", which cannot be looked up; check its name, or that DNS answers"));
  std::vector<HostPort> out;
  for (addrinfo* info = found; info != nullptr; info = info->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text),
                    nullptr, 0, NI_NUMERICHOST) == 0)
      out.push_back({text, address.port});
  }
  freeaddrinfo(found);
  return out;
}

// libgrpc takes a list of one family, so IPv4 among IPv6 is mapped.
std::string ListUri(std::vector<HostPort> addresses) {
  bool v6 = false;
  for (const HostPort& one : addresses)
    v6 = v6 || absl::StrContains(one.host, ':');
  std::vector<std::string> parts;
  for (HostPort& one : addresses) {
    if (v6 && !absl::StrContains(one.host, ':'))
      one.host = absl::StrCat("::ffff:", one.host);
    parts.push_back(Join(one.host, one.port));
  }
  return absl::StrCat(v6 ? "ipv6:" : "ipv4:", absl::StrJoin(parts, ","));
}

}  // namespace

absl::Status Refused(const std::string& option, const std::string& variable,
                     const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat(option, " (", variable, ") ", what));
}

bool IsLoopback(const std::string& host) {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1)
    return (ntohl(v4.s_addr) >> 24) == 127;
  return host == "::1" || absl::EqualsIgnoreCase(host, "localhost");
}

absl::StatusOr<std::vector<HostPort>> ParseAddress(const std::string& address) {
  const std::string trimmed(absl::StripAsciiWhitespace(address));
  if (trimmed.empty())
    return BadAddress(
        "is required; set it to host:port, several by comma, or "
        "dns:///name:port");
  const bool dns = absl::StartsWith(trimmed, kDns);
  const std::vector<std::string> parts =
      dns ? std::vector<std::string>{trimmed.substr(sizeof(kDns) - 1)}
          : absl::StrSplit(trimmed, ',');
  std::vector<HostPort> addresses;
  for (const std::string& part : parts) {
    absl::StatusOr<HostPort> one =
        Split(std::string(absl::StripAsciiWhitespace(part)));
    if (!one.ok()) return one.status();
    addresses.push_back(*std::move(one));
  }
  return addresses;
}

absl::StatusOr<std::string> TargetOf(const std::vector<HostPort>& addresses) {
  if (addresses.size() == 1)
    return absl::StrCat(kDns, Join(addresses[0].host, addresses[0].port));
  std::vector<HostPort> resolved;
  for (const HostPort& one : addresses) {
    absl::StatusOr<std::vector<HostPort>> some = Resolve(one);
    if (!some.ok()) return some.status();
    resolved.insert(resolved.end(), some->begin(), some->end());
  }
  return ListUri(std::move(resolved));
}

}  // namespace wxident::client

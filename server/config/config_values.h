#ifndef WXIDENT_SERVER_CONFIG_CONFIG_VALUES_H_
#define WXIDENT_SERVER_CONFIG_CONFIG_VALUES_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace wxident {

// "0", or a whole number of at most nine digits and one of ms, s, m, h, d.
std::optional<absl::Duration> ParseConfigDuration(absl::string_view text);

struct HostPort {
  // An IPv6 address stands here without its brackets.
  std::string host;
  int port;
};

// "host:port" or "[IPv6]:port", port 0 to 65535.
std::optional<HostPort> ParseHostPort(absl::string_view text);

// Whether only this machine can reach what listens on `host`: 127.0.0.0/8, ::1
// or localhost.
bool IsLoopback(absl::string_view host);

// A path that stands in a config file of `folder` ("": the current one).
std::string ConfigPath(const std::string& folder, const std::string& path);

// WeChat's app ids: "wx" and 16 lower-case hexadecimal digits.
bool IsAppId(absl::string_view text);

// Whether `text` is a host name or IPv4 address in lower case and no more: no
// scheme, port or path.
bool IsHostName(absl::string_view text);

// What is wrong with a URL; empty when nothing is. The answer holds nothing of
// the URL, which may hold a secret.
std::string BaseUrlProblem(absl::string_view url);
std::string DatabaseUrlProblem(absl::string_view url);

// The same of where a good URL of a database leads: a server that is not on
// this machine must prove itself by its certificate (sslmode=verify-full).
std::string DatabaseLinkProblem(const std::string& url);

// The CA's file that a database's URL names (sslrootcert); empty for none.
std::string DatabaseCaFile(const std::string& url);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CONFIG_CONFIG_VALUES_H_

#include "server/config/config_values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/store/postgres/pool/pg_url.h"

namespace wxident {
namespace {

bool IsDigits(absl::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

using Ipv4 = std::array<uint8_t, 4>;
using Ipv6 = std::array<uint8_t, 16>;

std::optional<Ipv4> ParseIpv4(absl::string_view text) {
  Ipv4 out;
  if (inet_pton(AF_INET, std::string(text).c_str(), out.data()) != 1)
    return std::nullopt;
  return out;
}

std::optional<Ipv6> ParseIpv6(absl::string_view text) {
  Ipv6 out;
  if (inet_pton(AF_INET6, std::string(text).c_str(), out.data()) != 1)
    return std::nullopt;
  return out;
}

// ::ffff:a.b.c.d is the IPv4 address a.b.c.d.
std::optional<Ipv4> MappedIpv4(const Ipv6& ip) {
  static constexpr uint8_t kPrefix[12] = {0, 0, 0, 0, 0,    0,
                                          0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(ip.data(), kPrefix, sizeof kPrefix) != 0) return std::nullopt;
  return Ipv4{ip[12], ip[13], ip[14], ip[15]};
}

bool IsLabels(absl::string_view host) {
  if (host.size() > 253) return false;
  for (absl::string_view label : absl::StrSplit(host, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' ||
        label.back() == '-')
      return false;
    for (char c : label)
      if (!absl::ascii_isalnum(c) && c != '-') return false;
  }
  return true;
}

// Whether resolvers take `host`, which is not dotted IPv4, for an IPv4 address
// all the same: 2852039166, 0xa9fea9fe, 169.254.43518, 0251.0376.1.1.
bool IsOddIpv4(absl::string_view host) {
  const absl::string_view last = *std::prev(
      std::vector<absl::string_view>(absl::StrSplit(host, '.')).end());
  return IsDigits(last) || absl::StartsWithIgnoreCase(last, "0x");
}

// Addresses from which clouds hand credentials to the machine, and those that
// no server has.
bool IsMetadataIpv4(const Ipv4& ip) {
  return (ip[0] == 169 && ip[1] == 254) || ip[0] == 0 ||
         ip == Ipv4{100, 100, 100, 200} || ip == Ipv4{168, 63, 129, 16} ||
         ip == Ipv4{192, 0, 0, 192};
}

bool IsMetadataIpv6(const Ipv6& ip) {
  const bool link_local = ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
  return link_local || ip == Ipv6{} || ip == *ParseIpv6("fd00:ec2::254") ||
         ip == *ParseIpv6("fd20:ce::254");
}

constexpr char kMetadata[] =
    "names a cloud's metadata address; give WeChat's host";

std::string HostProblem(absl::string_view host) {
  if (const std::optional<Ipv6> ip = ParseIpv6(host)) {
    const std::optional<Ipv4> mapped = MappedIpv4(*ip);
    return IsMetadataIpv6(*ip) || (mapped && IsMetadataIpv4(*mapped))
               ? kMetadata
               : "";
  }
  if (const std::optional<Ipv4> ip = ParseIpv4(host))
    return IsMetadataIpv4(*ip) ? kMetadata : "";
  if (!IsLabels(host)) return "has no well-formed host";
  if (IsOddIpv4(host)) return "writes an IP address in an unusual form";
  if (absl::EqualsIgnoreCase(host, "metadata") ||
      absl::StartsWithIgnoreCase(host, "metadata."))
    return kMetadata;
  return "";
}

// %41 -> A; what is no such escape stays.
std::string DecodePercent(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() &&
        absl::ascii_isxdigit(text[i + 1]) &&
        absl::ascii_isxdigit(text[i + 2])) {
      out += absl::HexStringToBytes(text.substr(i + 1, 2));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Whether nobody but this machine is between us and a database's host.
bool IsLocal(absl::string_view host) {
  return host.empty() || host.front() == '/' || host.front() == '@' ||
         IsLoopback(host);
}

}  // namespace

std::optional<absl::Duration> ParseConfigDuration(absl::string_view text) {
  if (text == "0") return absl::ZeroDuration();
  size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(text[digits])) ++digits;
  int64_t number = 0;
  if (digits > 9 || !absl::SimpleAtoi(text.substr(0, digits), &number))
    return std::nullopt;
  const absl::string_view unit = text.substr(digits);
  if (unit == "ms") return absl::Milliseconds(number);
  if (unit == "s") return absl::Seconds(number);
  if (unit == "m") return absl::Minutes(number);
  if (unit == "h") return absl::Hours(number);
  if (unit == "d") return absl::Hours(24) * number;
  return std::nullopt;
}

std::optional<HostPort> ParseHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return std::nullopt;
  absl::string_view host = text.substr(0, colon);
  const absl::string_view port = text.substr(colon + 1);
  HostPort out{};
  if (port.size() > 5 || !IsDigits(port) ||
      !absl::SimpleAtoi(port, &out.port) || out.port > 65535)
    return std::nullopt;
  if (absl::ConsumePrefix(&host, "[")) {
    if (!absl::ConsumeSuffix(&host, "]") || !ParseIpv6(host))
      return std::nullopt;
  } else if (!ParseIpv4(host) && (!IsLabels(host) || IsOddIpv4(host))) {
    return std::nullopt;
  }
  out.host = std::string(host);
  return out;
}

bool IsLoopback(absl::string_view host) {
  if (absl::EqualsIgnoreCase(host, "localhost")) return true;
  if (const std::optional<Ipv4> ip = ParseIpv4(host)) return (*ip)[0] == 127;
  const std::optional<Ipv6> ip = ParseIpv6(host);
  return ip.has_value() && *ip == *ParseIpv6("::1");
}

std::string ConfigPath(const std::string& folder, const std::string& path) {
  if (path.empty() || path.front() == '/' || folder.empty()) return path;
  return absl::StrCat(folder, "/", path);
}

bool IsAppId(absl::string_view text) {
  if (text.size() != 18 || !absl::ConsumePrefix(&text, "wx")) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
  });
}

bool IsHostName(absl::string_view text) {
  return IsLabels(text) &&
         std::none_of(text.begin(), text.end(), absl::ascii_isupper);
}

std::string BaseUrlProblem(absl::string_view url) {
  if (!absl::ConsumePrefix(&url, "https://"))
    return "must begin with https://; WeChat's secrets travel in it";
  // A path may hold an '@' too, but then it is wrong for being there.
  if (absl::StrContains(url, '@'))
    return "holds user information (user@host); remove it";
  if (url.find_first_of("/?#\\") != absl::string_view::npos)
    return "must end after host and port, without path or query";
  const bool has_port =
      url.rfind(':') != absl::string_view::npos && !absl::EndsWith(url, "]");
  const std::string address = std::string(url) + (has_port ? "" : ":443");
  // Host first: an odd form of an address shall be called that.
  absl::string_view host = url.substr(0, has_port ? url.rfind(':') : url.npos);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  if (std::string problem = HostProblem(host); !problem.empty()) return problem;
  const std::optional<HostPort> parsed = ParseHostPort(address);
  if (!parsed.has_value() || parsed->port == 0)
    return "is not https://host or https://host:port";
  return "";
}

std::string DatabaseUrlProblem(absl::string_view url) {
  if (!absl::ConsumePrefix(&url, "postgresql://") &&
      !absl::ConsumePrefix(&url, "postgres://"))
    return "must be a connection URI: postgresql://user@host:port/database";
  // As libpq reads it, credentials end at the first '@' before any '/'; a
  // password with a '/' in it was meant as one too.
  const size_t query = url.find('?');
  const size_t at = std::max(url.substr(0, url.find('/')).find('@') + 1,
                             url.substr(0, query).rfind('@') + 1);
  const bool password_before_host = absl::StrContains(url.substr(0, at), ':');
  bool password_parameter = false;
  if (query != absl::string_view::npos) {
    for (absl::string_view parameter :
         absl::StrSplit(url.substr(query + 1), '&')) {
      const std::string name =
          DecodePercent(parameter.substr(0, parameter.find('=')));
      password_parameter |= absl::StrContains(name, "password");
    }
  }
  if (password_before_host || password_parameter)
    return "holds a password; move it to a file and name that in "
           "database.password_file";
  return "";
}

std::string DatabaseLinkProblem(const std::string& url) {
  const absl::StatusOr<PgUrl> link = ParsePgUrl(url);
  if (!link.ok()) return std::string(link.status().message());
  if (!link->service.empty())
    return "names a service, whose file could change the rest; write all of it "
           "here";
  if (std::all_of(link->hosts.begin(), link->hosts.end(), IsLocal) ||
      link->ssl_mode == "verify-full")
    return "";
  return "leads to another machine, and would take anybody there for the "
         "database; add ?sslmode=verify-full&sslrootcert=FILE, where FILE "
         "holds the CA that signed the database's certificate (only loopback "
         "addresses and Unix sockets do without)";
}

std::string DatabaseCaFile(const std::string& url) {
  const absl::StatusOr<PgUrl> link = ParsePgUrl(url);
  return link.ok() ? link->ssl_root_cert : "";
}

}  // namespace wxident

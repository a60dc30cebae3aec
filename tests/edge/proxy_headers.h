#ifndef WXIDENT_TESTS_EDGE_PROXY_HEADERS_H_
#define WXIDENT_TESTS_EDGE_PROXY_HEADERS_H_

#include <arpa/inet.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace wxident {

inline std::string TwoBytes(size_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
}

// Of the PROXY protocol's version 2: `command` with the version, and what
// follows the size.
inline std::string ProxyV2(int command, int family, const std::string& rest) {
  return absl::StrCat(std::string("\r\n\r\n\0\r\nQUIT\n", 12),
                      std::string(1, static_cast<char>(command)),
                      std::string(1, static_cast<char>(family)),
                      TwoBytes(rest.size()), rest);
}

// Of a client's TCP connection to 192.0.2.200:8443.
inline std::string ProxyV2Tcp4(const std::string& ip, int port,
                               const std::string& extensions = "") {
  in_addr from{};
  in_addr to{};
  inet_pton(AF_INET, ip.c_str(), &from);
  inet_pton(AF_INET, "192.0.2.200", &to);
  return ProxyV2(
      0x21, 0x11,
      absl::StrCat(std::string(reinterpret_cast<char*>(&from), sizeof(from)),
                   std::string(reinterpret_cast<char*>(&to), sizeof(to)),
                   TwoBytes(static_cast<size_t>(port)), TwoBytes(8443),
                   extensions));
}

inline std::string ProxyV2Tcp6(const std::string& ip, int port) {
  in6_addr from{};
  const in6_addr to{};
  inet_pton(AF_INET6, ip.c_str(), &from);
  return ProxyV2(
      0x21, 0x21,
      absl::StrCat(
          std::string(reinterpret_cast<const char*>(&from), sizeof(from)),
          std::string(reinterpret_cast<const char*>(&to), sizeof(to)),
          TwoBytes(static_cast<size_t>(port)), TwoBytes(8443)));
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_EDGE_PROXY_HEADERS_H_

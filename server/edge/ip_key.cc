#include "server/edge/ip_key.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace wxident {

std::string IpKey(const std::string& ip) {
  constexpr size_t kNetwork = 8;  // a /64
  in6_addr address;
  if (inet_pton(AF_INET6, ip.c_str(), &address) != 1) return ip;
  return std::string(reinterpret_cast<const char*>(address.s6_addr), kNetwork);
}

}  // namespace wxident

#ifndef WXIDENT_SERVER_EDGE_IP_KEY_H_
#define WXIDENT_SERVER_EDGE_IP_KEY_H_

#include <string>

namespace wxident {

// By what an IP's connections are counted together: of IPv6, the addresses of
// one /64 have the same key, for one host has them all.
std::string IpKey(const std::string& ip);

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_IP_KEY_H_

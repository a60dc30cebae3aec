#ifndef WXIDENT_SERVER_EDGE_IP_RANGES_H_
#define WXIDENT_SERVER_EDGE_IP_RANGES_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace wxident {

// Some IP addresses. An IPv4 address and the same one mapped into IPv6
// (::ffff:a.b.c.d) are one.
class IpRanges {
 public:
  // Adds "192.0.2.1", "10.0.0.0/8" or "2001:db8::/32". kInvalidArgument, the
  // end of a sentence that begins with the text, for what is no range, has bits
  // after its network's, or is everybody.
  absl::Status Add(absl::string_view text);

  // Whether the numeric address `ip` is in one of them.
  bool Has(const std::string& ip) const;
  bool empty() const { return ranges_.empty(); }

 private:
  using Address = std::array<uint8_t, 16>;
  struct Range {
    Address network;
    int bits;
  };
  static bool Parse(const std::string& text, Address& out);
  static bool IsZeroAfter(const Address& address, int bits);

  std::vector<Range> ranges_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_IP_RANGES_H_

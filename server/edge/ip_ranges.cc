#include "server/edge/ip_ranges.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace wxident {
namespace {

constexpr int kBits = 128;
// Of the network that IPv4 is mapped into.
constexpr int kMappedBits = 96;

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

bool IsSmallNumber(absl::string_view text) {
  return !text.empty() && text.size() <= 3 &&
         std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

}  // namespace

bool IpRanges::Parse(const std::string& text, Address& out) {
  if (inet_pton(AF_INET6, text.c_str(), out.data()) == 1) return true;
  out = {};
  out[10] = out[11] = 0xff;
  return inet_pton(AF_INET, text.c_str(), &out[12]) == 1;
}

// Whether nothing is set after the first `bits`.
bool IpRanges::IsZeroAfter(const Address& address, int bits) {
  for (int i = bits; i < kBits; ++i)
    if ((address[static_cast<size_t>(i / 8)] >> (7 - i % 8) & 1) != 0)
      return false;
  return true;
}

absl::Status IpRanges::Add(absl::string_view text) {
  const size_t slash = text.find('/');
  const absl::string_view ip = text.substr(0, slash);
  Range range{};
  if (ip.find('\0') != ip.npos || !Parse(std::string(ip), range.network))
    return Bad("is no IP address or range, like 192.0.2.1 or 10.0.0.0/8");
  range.bits = kBits;
  if (slash != text.npos) {
    const int before = ip.find(':') == ip.npos ? kMappedBits : 0;
    const absl::string_view size = text.substr(slash + 1);
    if (!IsSmallNumber(size) || !absl::SimpleAtoi(size, &range.bits) ||
        range.bits > kBits - before)
      return Bad("has no size of a network after its slash, like 10.0.0.0/8");
    if (range.bits == 0) return Bad("is everybody; name your balancers");
    range.bits += before;
    if (!IsZeroAfter(range.network, range.bits))
      return Bad(
          "is not the first address of its network, as 10.0.0.0/8 is; write "
          "that, or one address without a slash");
  }
  ranges_.push_back(range);
  return absl::OkStatus();
}

bool IpRanges::Has(const std::string& ip) const {
  Address address;
  if (ranges_.empty() || !Parse(ip, address)) return false;
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
    Address difference;
    for (size_t i = 0; i < address.size(); ++i)
      difference[i] = static_cast<uint8_t>(address[i] ^ range.network[i]);
    // Within the first bits there is none.
    const auto whole = static_cast<size_t>(range.bits / 8);
    for (size_t i = 0; i < whole; ++i)
      if (difference[i] != 0) return false;
    return range.bits % 8 == 0 ||
           difference[whole] >> (8 - range.bits % 8) == 0;
  });
}

}  // namespace wxident

// The PROXY protocol's header, and after it what is the client's. The first
// byte says how much comes at a time.

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "server/edge/proxy_header.h"

namespace {

void Check(bool ok) {
  if (!ok) std::abort();
}

// Of a header that comes `most` bytes at a time: what is taken of the stream,
// what comes of it, and whose it is.
struct Outcome {
  wxident::ProxyHeader::State state = wxident::ProxyHeader::State::kMore;
  size_t taken = 0;
  std::string ip;
  int port = 0;

  bool operator==(const Outcome& other) const = default;
};

Outcome Take(absl::string_view stream, size_t most) {
  wxident::ProxyHeader header;
  Outcome out;
  while (out.state == wxident::ProxyHeader::State::kMore &&
         out.taken < stream.size()) {
    const size_t wanted = header.wanted();
    Check(wanted > 0 && wanted <= wxident::ProxyHeader::kMaxBytes);
    const absl::string_view next =
        stream.substr(out.taken, std::min(wanted, most));
    out.taken += next.size();
    Check(out.taken <= wxident::ProxyHeader::kMaxBytes);
    out.state = header.Take(next);
  }
  if (out.state == wxident::ProxyHeader::State::kDone) {
    out.ip = header.ip();
    out.port = header.port();
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view stream(reinterpret_cast<const char*>(data) + 1,
                                 size - 1);
  const Outcome at_once = Take(stream, stream.size() + 1);
  if (at_once.state == wxident::ProxyHeader::State::kBad) return 0;
  // However it is cut, it says the same and ends at the same place.
  Check(Take(stream, data[0] % 64 + 1u) == at_once);
  if (at_once.ip.empty()) return 0;
  char address[sizeof(in6_addr)];
  Check(inet_pton(AF_INET, at_once.ip.c_str(), address) == 1 ||
        inet_pton(AF_INET6, at_once.ip.c_str(), address) == 1);
  Check(at_once.port >= 0 && at_once.port <= 65535);
  return 0;
}

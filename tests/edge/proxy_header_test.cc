#include "server/edge/proxy_header.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/edge/proxy_headers.h"

namespace wxident {
namespace {

// What a stream that begins so comes to: "ip port" or "balancer", and what is
// left for the client; "more" or "bad".
std::string Outcome(absl::string_view stream, size_t most = 10'000) {
  ProxyHeader header;
  auto state = ProxyHeader::State::kMore;
  while (state == ProxyHeader::State::kMore && !stream.empty()) {
    const absl::string_view next =
        stream.substr(0, std::min(header.wanted(), most));
    stream.remove_prefix(next.size());
    state = header.Take(next);
  }
  switch (state) {
    case ProxyHeader::State::kMore:
      return "more";
    case ProxyHeader::State::kBad:
      return "bad";
    case ProxyHeader::State::kDone:
      break;
  }
  return absl::StrCat(header.ip().empty()
                          ? "balancer"
                          : absl::StrCat(header.ip(), " ", header.port()),
                      "|", stream);
}

struct Case {
  std::string bytes;
  std::string outcome;
};

std::vector<Case> GoodOnes() {
  const std::string extensions(
      "\x04\0\x03"
      "abc",
      6);
  return {
      {ProxyV2Tcp4("203.0.113.7", 4711), "203.0.113.7 4711"},
      {ProxyV2Tcp4("203.0.113.7", 65535, extensions), "203.0.113.7 65535"},
      {ProxyV2Tcp4("203.0.113.7", 1, std::string(4068, 'x')), "203.0.113.7 1"},
      {ProxyV2Tcp6("2001:db8::7", 4711), "2001:db8::7 4711"},
      {ProxyV2Tcp6("::ffff:203.0.113.7", 4711), "203.0.113.7 4711"},
      // LOCAL, with whatever follows.
      {ProxyV2(0x20, 0x00, ""), "balancer"},
      {ProxyV2(0x20, 0x11, "whatever"), "balancer"},
      // PROXY of what has no IP.
      {ProxyV2(0x21, 0x00, ""), "balancer"},
      {ProxyV2(0x21, 0x31, std::string(216, '\0')), "balancer"},
      {"PROXY TCP4 203.0.113.7 192.0.2.200 4711 8443\r\n", "203.0.113.7 4711"},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 0 1\r\n", "1.1.1.1 0"},
      {"PROXY TCP6 2001:DB8:0::7 ::1 65535 8443\r\n", "2001:db8::7 65535"},
      {"PROXY TCP6 ::ffff:203.0.113.7 ::1 65535 8443\r\n", "203.0.113.7 65535"},
      {"PROXY UNKNOWN\r\n", "balancer"},
      {"PROXY UNKNOWN whatever it says\r\n", "balancer"},
      {absl::StrCat("PROXY UNKNOWN ", std::string(91, 'x'), "\r\n"),
       "balancer"},
  };
}

TEST(ProxyHeaderTest, TellsWhoseConnectionItIsAndLeavesTheRest) {
  for (const Case& good : GoodOnes()) {
    EXPECT_EQ(Outcome(good.bytes), good.outcome + "|");
    for (const size_t most : {1, 3, 10'000})
      EXPECT_EQ(Outcome(good.bytes + "\x16\x03\x01\n", most),
                good.outcome + "|\x16\x03\x01\n");
    for (size_t size = 0; size < good.bytes.size(); ++size)
      EXPECT_EQ(Outcome(good.bytes.substr(0, size)), "more") << size;
  }
}

TEST(ProxyHeaderTest, RefusesWhatIsNone) {
  const std::string good = ProxyV2Tcp4("203.0.113.7", 4711);
  const auto changed = [&good](size_t at, char to) {
    std::string out = good;
    out[at] = to;
    return out;
  };
  const std::string bad[] = {
      // TLS, HTTP/2 and HTTP.
      std::string("\x16\x03\x01\x02\0\x01", 6),
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      // Another signature, version, command, family, or transport.
      changed(11, ' '),
      changed(12, '\x11'),
      changed(12, '\x31'),
      changed(12, '\x22'),
      changed(13, '\x12'),
      changed(13, '\x41'),
      // Less than its addresses need, more than there may be.
      ProxyV2(0x21, 0x11, std::string(11, '\0')),
      ProxyV2(0x21, 0x21, std::string(35, '\0')),
      ProxyV2Tcp4("203.0.113.7", 1, std::string(4069, 'x')),
      ProxyV2(0x20, 0x00, std::string(65535, 'x')),
      "PROXY TCP4 203.0.113.7 192.0.2.200 4711 8443\n",
      "PROXY TCP4 203.0.113.7 192.0.2.200 4711\r\n",
      "PROXY TCP4 203.0.113.7 192.0.2.200 4711 8443 \r\n",
      "PROXY TCP4 203.0.113.7  192.0.2.200 4711 8443\r\n",
      "PROXY TCP4 203.0.113.7 192.0.2.200 4711 65536\r\n",
      "PROXY TCP4 203.0.113.7 192.0.2.200 04711 8443\r\n",
      "PROXY TCP4 203.0.113.7 192.0.2.200 -1 8443\r\n",
      "PROXY TCP4 203.0.113.07 192.0.2.200 4711 8443\r\n",
      "PROXY TCP4 2001:db8::7 192.0.2.200 4711 8443\r\n",
      "PROXY TCP6 203.0.113.7 192.0.2.200 4711 8443\r\n",
      "PROXY TCP4 203.0.113.7 somewhere 4711 8443\r\n",
      "PROXY UDP4 203.0.113.7 192.0.2.200 4711 8443\r\n",
      "PROXY UNKNOWNS\r\n",
      "PROXY UNKNOWN\tx\r\n",
      "PROXY TCP4 1\n\r\n2 3 4 5\r\n",
      "PROXY UNKNOWN\r\r\n",
      "proxy TCP4 203.0.113.7 192.0.2.200 4711 8443\r\n",
      std::string("PROXY TCP4 203.0.113.7\0 192.0.2.200 4711 8443\r\n", 47),
      // A line that is too long, ended or not.
      absl::StrCat("PROXY UNKNOWN ", std::string(92, 'x'), "\r\n"),
      absl::StrCat("PROXY UNKNOWN ", std::string(1'000, 'x')),
  };
  for (const std::string& bytes : bad)
    for (const size_t most : {1, 10'000})
      EXPECT_EQ(Outcome(bytes, most), "bad") << bytes;
}

}  // namespace
}  // namespace wxident

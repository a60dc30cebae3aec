#include "server/edge/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace wxident {
namespace {

constexpr absl::string_view kLineBegin = "PROXY ";
constexpr size_t kMaxLine = 107;
constexpr absl::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
// Signature, version and command, family and transport, size of the rest.
constexpr size_t kFixed = 16;
// No header is shorter: "PROXY UNKNOWN\r\n".
constexpr size_t kShortest = 15;

constexpr uint8_t kVersion2 = 2;
constexpr uint8_t kLocal = 0;
constexpr uint8_t kProxied = 1;
constexpr uint8_t kUnknown = 0x00;
constexpr uint8_t kTcp4 = 0x11;
constexpr uint8_t kTcp6 = 0x21;
constexpr uint8_t kUnixStream = 0x31;

uint8_t ByteAt(absl::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

int PortAt(absl::string_view bytes, size_t at) {
  return ByteAt(bytes, at) << 8 | ByteAt(bytes, at + 1);
}

std::string Ipv4(const char* bytes) {
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, bytes, text, sizeof(text));
  return text;
}

std::string Ipv6(const char* bytes) {
  in6_addr address;
  std::copy_n(bytes, sizeof(address.s6_addr), address.s6_addr);
  // As accepted connections have it.
  if (IN6_IS_ADDR_V4MAPPED(&address)) return Ipv4(bytes + 12);
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, bytes, text, sizeof(text));
  return text;
}

// The address in the one form that we write; "" for what is none.
std::string Normal(absl::string_view text, int family) {
  char bytes[sizeof(in6_addr)];
  if (inet_pton(family, std::string(text).c_str(), bytes) != 1) return "";
  return family == AF_INET ? Ipv4(bytes) : Ipv6(bytes);
}

bool ParsePort(absl::string_view text, int& out) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
         (text.size() == 1 || text[0] != '0') && absl::SimpleAtoi(text, &out) &&
         out <= 65535;
}

}  // namespace

bool ProxyHeader::IsBinary() const { return bytes_[0] == kSignature[0]; }

size_t ProxyHeader::wanted() const {
  if (bytes_.size() < kShortest) return kShortest - bytes_.size();
  if (!IsBinary()) return 1;
  if (bytes_.size() < kFixed) return kFixed - bytes_.size();
  return kFixed + static_cast<size_t>(PortAt(bytes_, kFixed - 2)) -
         bytes_.size();
}

ProxyHeader::State ProxyHeader::Take(absl::string_view bytes) {
  absl::StrAppend(&bytes_, bytes);
  return IsBinary() ? ReadBinary() : ReadLine();
}

ProxyHeader::State ProxyHeader::ReadLine() {
  if (!absl::StartsWith(bytes_, kLineBegin.substr(0, bytes_.size())))
    return State::kBad;
  const auto end = static_cast<size_t>(
      std::find_if_not(bytes_.begin(), bytes_.end(), absl::ascii_isprint) -
      bytes_.begin());
  const absl::string_view line = absl::string_view(bytes_).substr(0, end);
  const absl::string_view after = absl::string_view(bytes_).substr(end);
  if (after.empty() || after == "\r")
    return bytes_.size() < kMaxLine ? State::kMore : State::kBad;
  if (after != "\r\n") return State::kBad;

  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words[1] == "UNKNOWN") return State::kDone;
  if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6"))
    return State::kBad;
  const int family = words[1] == "TCP4" ? AF_INET : AF_INET6;
  int port_of_ours = 0;
  ip_ = Normal(words[2], family);
  const bool good = !ip_.empty() && !Normal(words[3], family).empty() &&
                    ParsePort(words[4], port_) &&
                    ParsePort(words[5], port_of_ours);
  return good ? State::kDone : State::kBad;
}

ProxyHeader::State ProxyHeader::ReadBinary() {
  if (!absl::StartsWith(bytes_, kSignature.substr(0, bytes_.size())))
    return State::kBad;
  if (bytes_.size() < kFixed) return State::kMore;
  const uint8_t version = ByteAt(bytes_, 12) >> 4;
  const uint8_t command = ByteAt(bytes_, 12) & 0xf;
  const size_t rest = static_cast<size_t>(PortAt(bytes_, kFixed - 2));
  if (version != kVersion2 || command > kProxied || kFixed + rest > kMaxBytes)
    return State::kBad;
  if (bytes_.size() < kFixed + rest) return State::kMore;
  if (command == kLocal) return State::kDone;

  // Source, destination, source's port, destination's port.
  const absl::string_view addresses = absl::string_view(bytes_).substr(kFixed);
  switch (ByteAt(bytes_, 13)) {
    case kTcp4:
      if (rest < 12) return State::kBad;
      ip_ = Ipv4(addresses.data());
      port_ = PortAt(addresses, 8);
      return State::kDone;
    case kTcp6:
      if (rest < 36) return State::kBad;
      ip_ = Ipv6(addresses.data());
      port_ = PortAt(addresses, 32);
      return State::kDone;
    case kUnknown:
    case kUnixStream:
      return State::kDone;
    default:
      return State::kBad;
  }
}

}  // namespace wxident

#ifndef WXIDENT_TESTS_HOSTILE_HTTP2_FRAMES_H_
#define WXIDENT_TESTS_HOSTILE_HTTP2_FRAMES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace wxident {

// What an HTTP/2 peer can say, with no regard to the rules.
enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9
};
inline constexpr uint8_t kEndStream = 1;  // of HEADERS and DATA
inline constexpr uint8_t kAck = 1;        // of SETTINGS and PING
inline constexpr uint8_t kEndHeaders = 4;
inline constexpr uint8_t kPadded = 8;

std::string BigEndian(uint64_t number, int bytes);
std::string Frame(uint8_t type, uint8_t flags, uint32_t stream,
                  absl::string_view payload = "");
// HPACK's number with a prefix of `bits`; `first` has what stands before it.
std::string HpackNumber(uint8_t first, int bits, uint64_t number);
// A field in full, to be remembered by the other side or not.
std::string HpackField(absl::string_view name, absl::string_view value,
                       bool remembered = false);
// One that was remembered: 0 is the newest.
std::string HpackRemembered(int age);
// The fields of a request to `path`. It makes the other side remember four, and
// RepeatedRequest, while they are the newest ones, says the same in six bytes.
std::string Request(
    absl::string_view path,
    const std::vector<std::pair<std::string, std::string>>& more = {});
std::string RepeatedRequest();
// gRPC's message: not compressed, its length, and itself.
std::string Message(absl::string_view bytes, bool compressed = false);

inline constexpr char kClientMagic[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace wxident

#endif  // WXIDENT_TESTS_HOSTILE_HTTP2_FRAMES_H_

#ifndef WXIDENT_SERVER_EDGE_FRAME_SCANNER_H_
#define WXIDENT_SERVER_EDGE_FRAME_SCANNER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace wxident {

// The header of an HTTP/2 frame (RFC 9113, 4.1).
struct FrameHeader {
  uint32_t length = 0;
  uint8_t type = 0;
  uint8_t flags = 0;
  int32_t stream = 0;
};

// Finds the frames in what a client sends, which comes in any pieces, without
// regard to what they mean: so that none goes uncounted.
class FrameScanner {
 public:
  struct Piece {
    absl::string_view bytes;
    // Of the frame whose header `bytes` end, or have at their beginning.
    std::optional<FrameHeader> header;
  };

  // Takes off `bytes`, which are not empty, what goes up to the end of a frame,
  // or all. There is one header at most in it.
  Piece Next(absl::string_view& bytes);

 private:
  static constexpr size_t kHeader = 9;
  static constexpr uint32_t kPreface = 24;

  // Of the preface, or of a frame whose header has been found.
  uint32_t rest_ = kPreface;
  std::array<uint8_t, kHeader> header_{};
  size_t have_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_FRAME_SCANNER_H_

#include "server/edge/frame_scanner.h"

#include <algorithm>

namespace wxident {

FrameScanner::Piece FrameScanner::Next(absl::string_view& bytes) {
  Piece piece;
  size_t size = 0;
  if (rest_ == 0) {
    size = std::min(kHeader - have_, bytes.size());
    std::copy_n(bytes.begin(), size, header_.begin() + have_);
    have_ += size;
    if (have_ == kHeader) {
      FrameHeader header;
      header.length = static_cast<uint32_t>(header_[0]) << 16 |
                      header_[1] << 8 | header_[2];
      header.type = header_[3];
      header.flags = header_[4];
      header.stream = (header_[5] & 0x7f) << 24 | header_[6] << 16 |
                      header_[7] << 8 | header_[8];
      rest_ = header.length;
      have_ = 0;
      piece.header = header;
    }
  }
  const size_t body = std::min<size_t>(rest_, bytes.size() - size);
  rest_ -= static_cast<uint32_t>(body);
  piece.bytes = bytes.substr(0, size + body);
  bytes.remove_prefix(size + body);
  return piece;
}

}  // namespace wxident

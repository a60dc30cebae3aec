#include "tests/hostile/attacks.h"

#include <ostream>

#include "server/edge/frame_scanner.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {

bool Outcome::HasAnswer() const {
  // A server begins with frames, without a preface.
  FrameScanner scanner;
  absl::string_view preface = kClientMagic;
  scanner.Next(preface);
  absl::string_view rest = heard;
  while (!rest.empty()) {
    const FrameScanner::Piece piece = scanner.Next(rest);
    if (piece.header.has_value() && piece.header->type == kHeaders) return true;
  }
  return false;
}

void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.name; }

}  // namespace wxident

#include "server/edge/frame_scanner.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

TEST(FrameScannerTest, FindsEachFrameInAnyPieces) {
  const std::string said = absl::StrCat(
      kClientMagic, Frame(kSettings, 0, 0), Frame(kPing, kAck, 0, "12345678"),
      Frame(kData, kEndStream, 0x7fffffff, std::string(300, 'x')));
  for (size_t size = 1; size <= said.size(); ++size) {
    FrameScanner scanner;
    std::string passed, found;
    for (size_t at = 0; at < said.size(); at += size) {
      absl::string_view bytes = absl::string_view(said).substr(at, size);
      while (!bytes.empty()) {
        const FrameScanner::Piece piece = scanner.Next(bytes);
        EXPECT_FALSE(piece.bytes.empty());
        absl::StrAppend(&passed, piece.bytes);
        if (piece.header.has_value())
          absl::StrAppend(&found, int{piece.header->type}, " ",
                          int{piece.header->flags}, " ", piece.header->stream,
                          " ", piece.header->length, "\n");
      }
    }
    EXPECT_EQ(passed, said);
    EXPECT_EQ(found, "4 0 0 0\n6 1 0 8\n0 1 2147483647 300\n");
  }
}

}  // namespace
}  // namespace wxident

// Both directions of an HTTP/2 connection. The first byte is the number of
// pieces, each steered by two of the bytes that follow; the rest is cut so:
//   bit 15      whether the server says it
//   bits 12-14  which of kPauses goes by before
//   bits 0-11   its size; 0 is all that is left
// They begin again when there is more. With none, the client says it all. It
// makes no difference whether a piece comes whole or byte by byte.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/front/http2_screen.h"

namespace {

using wxident::Http2Screen;
using wxident::IpCounts;

constexpr int kPauses[] = {0, 1, 50, 100, 500, 2'000, 5'000, 11'000};  // ms

void Check(bool ok) {
  if (!ok) std::abort();
}

struct Piece {
  bool by_server;
  absl::Duration at;
  absl::string_view bytes;
};

std::vector<Piece> Cut(absl::string_view input) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(input[i]); };
  if (input.empty()) return {};
  const size_t count = byte(0);
  if (input.size() < 1 + 2 * count) return {};
  std::vector<Piece> out;
  absl::Duration now;
  absl::string_view rest = input.substr(1 + 2 * count);
  if (count == 0) return {{false, now, rest}};
  for (size_t i = 0; !rest.empty(); i = (i + 1) % count) {
    const int steer = byte(1 + 2 * i) << 8 | byte(2 + 2 * i);
    const size_t size = steer & 0xfff;
    now += absl::Milliseconds(kPauses[steer >> 12 & 7]);
    out.push_back({(steer & 0x8000) != 0, now,
                   rest.substr(0, size == 0 ? rest.npos : size)});
    rest.remove_prefix(out.back().bytes.size());
  }
  return out;
}

struct Outcome {
  absl::string_view wrong;
  size_t pieces = 0;
  size_t streams = 0;
  bool greeted = false;

  bool operator==(const Outcome&) const = default;
};

// `most` bytes at once.
Outcome Screened(const std::vector<Piece>& pieces, size_t most) {
  IpCounts ip;
  const std::atomic<int>& unfinished = ip.unfinished;
  Outcome out;
  {
    Http2Screen screen(ip);
    for (const Piece& piece : pieces) {
      ++out.pieces;
      out.wrong = screen.OnTime(piece.at);
      for (absl::string_view rest = piece.bytes;
           out.wrong.empty() && !rest.empty();) {
        const absl::string_view bytes = rest.substr(0, most);
        rest.remove_prefix(bytes.size());
        out.wrong = piece.by_server ? screen.OnServer(bytes, piece.at)
                                    : screen.OnClient(bytes, piece.at);
        Check(screen.streams() <= Http2Screen::kMaxStreams);
        Check(unfinished >= 0);
        Check(static_cast<size_t>(unfinished) <= screen.streams());
      }
      if (!out.wrong.empty()) break;
    }
    out.streams = screen.streams();
    out.greeted = screen.greeted();
  }
  Check(unfinished == 0);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<Piece> pieces =
      Cut({reinterpret_cast<const char*>(data), size});
  const Outcome whole = Screened(pieces, absl::string_view::npos);
  Check(whole == Screened(pieces, 1));
  Check(whole == Screened(pieces, 7));
  return 0;
}

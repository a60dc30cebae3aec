#include "server/keys/key_ring_edit.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"
#include "server/crypto/base64.h"
#include "server/crypto/key_ring.h"

namespace wxident {
namespace {

constexpr absl::string_view kLastId = "# last id ";

bool IsKey(absl::string_view line) {
  line = absl::StripAsciiWhitespace(line);
  return !line.empty() && line.front() != '#';
}

// The id that the line "# last id N" names; 0 for any other line.
uint32_t RememberedId(absl::string_view line) {
  uint32_t id = 0;
  line = absl::StripAsciiWhitespace(line);
  if (!absl::ConsumePrefix(&line, kLastId) || !absl::SimpleAtoi(line, &id))
    return 0;
  return id;
}

// The highest id of the ring's keys; 0 when it has none.
absl::StatusOr<uint32_t> NewestId(const Secret& text) {
  WX_ASSIGN_OR_RETURN(const std::vector<KeyRing::Key> keys,
                      KeyRing::Parse(text.Expose()));
  uint32_t newest = 0;
  for (const KeyRing::Key& key : keys) newest = std::max(newest, key.id);
  return newest;
}

// Room for all at once: a text that grows leaves copies of keys behind.
std::string WithRoomFor(const Secret& text) {
  std::string out;
  out.reserve(text.size() + 256);
  return out;
}

}  // namespace

absl::StatusOr<EditedRing> WithNewKey(const Secret& text, Random& random) {
  WX_ASSIGN_OR_RETURN(uint32_t last, NewestId(text));
  const std::vector<absl::string_view> lines =
      absl::StrSplit(text.Expose(), '\n');
  for (absl::string_view line : lines)
    last = std::max(last, RememberedId(line));
  if (last == std::numeric_limits<uint32_t>::max())
    return absl::InvalidArgumentError("no id is left for a new key");
  const uint32_t id = last + 1;
  const Secret bytes(random.Bytes(32));
  const Secret encoded(Base64Encode(bytes.Expose()));

  std::string out = WithRoomFor(text);
  absl::StrAppend(&out, kLastId, id, "\n");
  for (absl::string_view line : lines)
    if (RememberedId(line) == 0 && !(line.empty() && lines.size() == 1))
      absl::StrAppend(&out, line, "\n");
  absl::StrAppend(&out, id, " ", encoded.Expose(), "\n");
  return EditedRing{Secret(std::move(out)), id};
}

absl::StatusOr<EditedRing> WithNewestFirst(const Secret& text) {
  WX_ASSIGN_OR_RETURN(const uint32_t newest, NewestId(text));
  if (newest == 0) return absl::InvalidArgumentError("the ring has no key");
  const std::vector<absl::string_view> lines =
      absl::StrSplit(text.Expose(), '\n');
  const auto is_newest = [newest](absl::string_view line) {
    uint32_t id = 0;
    const std::vector<absl::string_view> parts = absl::StrSplit(
        absl::StripAsciiWhitespace(line), absl::MaxSplits(' ', 1));
    return IsKey(line) && absl::SimpleAtoi(parts[0], &id) && id == newest;
  };
  const auto top = std::find_if(lines.begin(), lines.end(), is_newest);
  std::string out = WithRoomFor(text);
  bool moved = false;
  for (auto line = lines.begin(); line != lines.end(); ++line) {
    if (!moved && IsKey(*line)) {
      absl::StrAppend(&out, *top, "\n");
      moved = true;
    }
    if (line != top) absl::StrAppend(&out, *line, "\n");
  }
  return EditedRing{Secret(std::move(out)), newest};
}

}  // namespace wxident

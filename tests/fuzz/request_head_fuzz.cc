// The fields of a request, "name value" in each line, and the small forms in
// them.

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/edge/request_head.h"
#include "server/edge/wire.h"

namespace {

void Check(bool ok) {
  if (!ok) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  wxident::RequestHead head;
  for (const absl::string_view line : absl::StrSplit(input, '\n')) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    head.Add(field.first, field.second);
    const std::optional<absl::Duration> timeout =
        wxident::ParseGrpcTimeout(field.second);
    Check(!timeout.has_value() || *timeout >= absl::ZeroDuration());
    const std::optional<std::string> bytes =
        wxident::DecodeBinaryField(field.second);
    // One form each, but for padding.
    if (bytes.has_value())
      Check(wxident::DecodeBinaryField(wxident::EncodeBinaryField(*bytes)) ==
            bytes);
    for (const char c : wxident::PercentEncode(field.second))
      Check(c >= ' ' && c <= '~');
  }
  size_t kept = 0;
  for (const auto& [name, value] : head.metadata())
    kept += name.size() + value.size();
  Check(kept <= wxident::RequestHead::kMaxBytes);
  return 0;
}

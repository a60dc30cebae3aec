#include "server/edge/message_reader.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"

namespace wxident {

absl::Status MessageReader::Measure(absl::string_view prefix,
                                    size_t& size) const {
  if (prefix[0] != 0)
    return absl::InternalError(
        "a message is compressed, though no grpc-encoding said so");
  size = 0;
  for (size_t i = 1; i < kPrefix; ++i)
    size = size << 8 | static_cast<uint8_t>(prefix[i]);
  if (size > max_)
    return absl::ResourceExhaustedError(
        absl::StrCat("a message of ", size, " bytes; the most is ", max_));
  size += kPrefix;
  return absl::OkStatus();
}

absl::Status MessageReader::Read(
    absl::string_view bytes, absl::FunctionRef<bool(absl::string_view)> found) {
  while (!bytes.empty()) {
    size_t size = kPrefix;
    if (kept_.empty() && bytes.size() >= kPrefix) {
      WX_RETURN_IF_ERROR(Measure(bytes, size));
      if (bytes.size() >= size) {
        // The usual case: nothing is copied.
        if (!found(bytes.substr(kPrefix, size - kPrefix)))
          return absl::OkStatus();
        bytes.remove_prefix(size);
        continue;
      }
      kept_.reserve(size);
    } else if (kept_.size() >= kPrefix) {
      WX_RETURN_IF_ERROR(Measure(kept_, size));
    }
    const size_t take = std::min(size - kept_.size(), bytes.size());
    kept_.append(bytes.data(), take);
    bytes.remove_prefix(take);
    if (kept_.size() < kPrefix) continue;
    WX_RETURN_IF_ERROR(Measure(kept_, size));
    if (kept_.size() < size) continue;
    const std::string message = std::exchange(kept_, {});
    if (!found(absl::string_view(message).substr(kPrefix)))
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace wxident

#include "server/store/postgres/sql/storable_text.h"

#include "server/base/utf8.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

bool IsStorable(absl::string_view text) {
  return text.find('\0') == absl::string_view::npos && IsUtf8(text);
}

}  // namespace

absl::Status CheckStorable(
    std::initializer_list<std::pair<absl::string_view, absl::string_view>>
        fields) {
  for (const auto& [name, text] : fields) {
    if (!IsStorable(text))
      return Error(Reason::kRequestInvalid,
                   "a text cannot be stored; send it as UTF-8 without NUL")
          .Field(name, "must be UTF-8 without NUL")
          .ToStatus();
  }
  return absl::OkStatus();
}

}  // namespace wxident

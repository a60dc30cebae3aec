#include "server/crypto/blind_index.h"

#include "absl/strings/str_cat.h"
#include "server/crypto/hash.h"

namespace wxident {

// What Mac hashes never begins with a letter, so no MAC is a derived key.
BlindIndex BlindIndex::Derive(absl::string_view purpose) const {
  return {key_id_, Secret(HmacSha256(key_.Expose(),
                                     absl::StrCat("derived key: ", purpose)))};
}

std::string BlindIndex::Mac(const std::vector<absl::string_view>& parts) const {
  // Sizes go in with the parts, so that no two lists give one text.
  std::string joined;
  for (absl::string_view part : parts)
    absl::StrAppend(&joined, part.size(), ":", part, ";");
  const Secret text(std::move(joined));
  return HmacSha256(key_.Expose(), text.Expose());
}

}  // namespace wxident

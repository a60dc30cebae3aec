#include "server/store/postgres/sql/sql_values.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/identity/error.h"

namespace wxident {

int64_t NumberOf(const SqlValue& value) {
  int64_t number = 0;
  if (!value.has_value() || !absl::SimpleAtoi(*value, &number)) return 0;
  return number;
}

absl::Time TimeOf(const SqlValue& value) {
  return absl::FromUnixMicros(NumberOf(value));
}

std::string TextOf(const SqlValue& value) { return value.value_or(""); }

bool IsTrue(const SqlValue& value) { return value == "t"; }

std::string BytesOf(const SqlValue& value) {
  return value.has_value() ? absl::HexStringToBytes(*value) : "";
}

int64_t ToMicros(absl::Time time) { return ToMicros(time - absl::UnixEpoch()); }

int64_t ToMicros(absl::Duration duration) {
  return absl::ToInt64Microseconds(absl::Ceil(duration, absl::Microseconds(1)));
}

absl::StatusOr<Secret> OpenSealed(Aead& aead, const SqlValue& hex,
                                  const AssociatedData& data) {
  const std::string sealed = BytesOf(hex);
  absl::StatusOr<Secret> opened = aead.Open(sealed, data);
  if (opened.ok()) return opened;
  if (absl::IsNotFound(opened.status())) {
    return Error(Reason::kKeyUnavailable,
                 "a stored value needs a key that is not in the key ring; put "
                 "the key back")
        .With("key_id", absl::StrCat(SealedKeyId(sealed)))
        .ToStatus();
  }
  return Error(Reason::kTampered,
               "a stored value does not open: it was changed or moved")
      .ToStatus();
}

}  // namespace wxident

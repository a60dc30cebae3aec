#include "server/rpc/phone_code.h"

#include "server/identity/error.h"
#include "server/rpc/fields.h"

namespace wxident {

absl::StatusOr<Phone> PhoneOfCode(absl::StatusOr<Phone> phone,
                                  Phones::CodeUse use) {
  // WeChat compares the openid only here, and ours is right.
  if (use == Phones::CodeUse::kMaybeSpent &&
      HasReason(phone.status(), Reason::kRequestInvalid))
    return FieldError("phone_code", "is not one of this person's");
  return phone;
}

Repeat RepeatAfter(Phones::CodeUse use) {
  switch (use) {
    case Phones::CodeUse::kUnsent:
      return Repeat::kSafe;
    case Phones::CodeUse::kMaybeSpent:
      return Repeat::kMaySpend;
    case Phones::CodeUse::kSpent:
      return Repeat::kSpent;
  }
  return Repeat::kSpent;
}

}  // namespace wxident

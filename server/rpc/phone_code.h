#ifndef WXIDENT_SERVER_RPC_PHONE_CODE_H_
#define WXIDENT_SERVER_RPC_PHONE_CODE_H_

#include "absl/status/statusor.h"
#include "server/identity/types.h"
#include "server/person/phones.h"
#include "server/rpc/status.h"

namespace wxident {

// What the caller is told of a phone_code that was exchanged.
absl::StatusOr<Phone> PhoneOfCode(absl::StatusOr<Phone> phone,
                                  Phones::CodeUse use);

// Whether the request may be sent again.
Repeat RepeatAfter(Phones::CodeUse use);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_PHONE_CODE_H_

#ifndef WXIDENT_SERVER_RPC_LOGIN_FIELDS_H_
#define WXIDENT_SERVER_RPC_LOGIN_FIELDS_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

// What a Login asks for; see fields.h.

// Returns the code. Fails with REQUEST_INVALID if it is not of the kind that
// people of `app` bring.
absl::StatusOr<Secret> LoginCodeField(const v1::LoginRequest& request,
                                      const App& app);

// Returns how long the session is to live, at most `most`.
absl::StatusOr<absl::Duration> SessionTtlField(const v1::LoginRequest& request,
                                               absl::Duration unless_given,
                                               absl::Duration most);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_LOGIN_FIELDS_H_

#ifndef WXIDENT_SERVER_IDENTITY_ERROR_H_
#define WXIDENT_SERVER_IDENTITY_ERROR_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/identity/reason.h"

namespace wxident {

// "LOGIN_CODE_INVALID": what ErrorInfo.reason carries.
absl::string_view ReasonName(Reason reason);

// nullopt for a name that no reason has.
std::optional<Reason> ReasonNamed(absl::string_view name);

// The status code that goes with a reason, always the same one.
absl::StatusCode ReasonCode(Reason reason);

// Makes the absl::Status of a domain error:
//   return Error(Reason::kAppUnknown, "...").Field("app_id", "...").ToStatus();
// Messages tell what happened and what to do next, and hold no secret, SQL,
// URL or driver text.
class Error {
 public:
  Error(Reason reason, absl::string_view message);

  // A malformed field of the request, by its path in the proto.
  Error&& Field(absl::string_view path, absl::string_view what) &&;
  // Public facts: "errcode", "rid", "key_id".
  Error&& With(absl::string_view name, absl::string_view value) &&;
  // When a retry may help.
  Error&& RetryAfter(absl::Duration wait) &&;

  absl::Status ToStatus() && { return std::move(status_); }

 private:
  absl::Status status_;
};

// What Error put into a status.
struct ErrorDetails {
  Reason reason;
  std::map<std::string, std::string> metadata;
  std::vector<std::pair<std::string, std::string>> fields;
  std::optional<absl::Duration> retry_after;

  // A public fact of `metadata`; "" when the error has none of this name.
  std::string Fact(absl::string_view name) const;
};

// A status that no Error made has reason kInternalFault.
ErrorDetails DetailsOf(const absl::Status& status);

// Whether `status` carries `reason`.
bool HasReason(const absl::Status& status, Reason reason);

}  // namespace wxident

#endif  // WXIDENT_SERVER_IDENTITY_ERROR_H_

#include "server/identity/error.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace wxident {
namespace {

const ReasonRow& Find(Reason reason) {
  for (const ReasonRow& row : kReasons)
    if (row.reason == reason) return row;
  return Find(Reason::kInternalFault);
}

// Payload names of absl::Status. Their order is not kept, but fields and
// metadata have names of their own.
constexpr absl::string_view kReason = "wxident/reason";
constexpr absl::string_view kRetryAfter = "wxident/retry_after_ms";
constexpr absl::string_view kField = "wxident/field/";
constexpr absl::string_view kMetadata = "wxident/metadata/";

}  // namespace

absl::string_view ReasonName(Reason reason) { return Find(reason).name; }

std::optional<Reason> ReasonNamed(absl::string_view name) {
  for (const ReasonRow& row : kReasons)
    if (row.name == name) return row.reason;
  return std::nullopt;
}

absl::StatusCode ReasonCode(Reason reason) { return Find(reason).code; }

Error::Error(Reason reason, absl::string_view message)
    : status_(ReasonCode(reason), message) {
  status_.SetPayload(kReason,
                     absl::Cord(absl::StrCat(static_cast<int>(reason))));
}

Error&& Error::Field(absl::string_view path, absl::string_view what) && {
  status_.SetPayload(absl::StrCat(kField, path), absl::Cord(what));
  return std::move(*this);
}

Error&& Error::With(absl::string_view name, absl::string_view value) && {
  status_.SetPayload(absl::StrCat(kMetadata, name), absl::Cord(value));
  return std::move(*this);
}

Error&& Error::RetryAfter(absl::Duration wait) && {
  status_.SetPayload(kRetryAfter,
                     absl::Cord(absl::StrCat(absl::ToInt64Milliseconds(wait))));
  return std::move(*this);
}

std::string ErrorDetails::Fact(absl::string_view name) const {
  const auto found = metadata.find(std::string(name));
  return found == metadata.end() ? "" : found->second;
}

ErrorDetails DetailsOf(const absl::Status& status) {
  ErrorDetails details{Reason::kInternalFault, {}, {}, std::nullopt};
  status.ForEachPayload([&](absl::string_view name, const absl::Cord& value) {
    const std::string text(value);
    int64_t number = 0;
    if (name == kReason && absl::SimpleAtoi(text, &number)) {
      details.reason = Find(static_cast<Reason>(number)).reason;
    } else if (name == kRetryAfter && absl::SimpleAtoi(text, &number)) {
      details.retry_after = absl::Milliseconds(number);
    } else if (absl::ConsumePrefix(&name, kField)) {
      details.fields.emplace_back(name, text);
    } else if (absl::ConsumePrefix(&name, kMetadata)) {
      details.metadata.emplace(name, text);
    }
  });
  return details;
}

bool HasReason(const absl::Status& status, Reason reason) {
  return !status.ok() && DetailsOf(status).reason == reason;
}

}  // namespace wxident

#include "server/rpc/status.h"

#include <string>

#include "bazel/google_rpc/error_info.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

// A call without a deadline, a stream, hears of longer waits at once.
constexpr absl::Duration kStreamsWait = absl::Seconds(3);

// Whether WeChat may have acted on a request that failed so.
bool MayHaveTaken(Reason reason) {
  return reason == Reason::kWechatBusy ||
         reason == Reason::kWechatBadResponse ||
         reason == Reason::kOutcomeUnknown ||
         reason == Reason::kWechatRateLimited;
}

}  // namespace

std::string PublicMessage(const absl::Status& status) {
  return HasReason(status, Reason::kInternalFault)
             ? "an internal fault of the server; its log tells more"
             : std::string(status.message());
}

CallStatus ToCallStatus(const absl::Status& status) {
  if (status.ok()) return {};
  const ErrorDetails details = DetailsOf(status);
  const absl::StatusCode code = ReasonCode(details.reason);
  const std::string message = PublicMessage(status);

  google::rpc::Status wire;
  wire.set_code(static_cast<int>(code));
  wire.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(ReasonName(details.reason)));
  info.set_domain("wxident");
  info.mutable_metadata()->insert(details.metadata.begin(),
                                  details.metadata.end());
  wire.add_details()->PackFrom(info);
  if (!details.fields.empty()) {
    google::rpc::BadRequest bad_request;
    for (const auto& [path, what] : details.fields) {
      auto* violation = bad_request.add_field_violations();
      violation->set_field(path);
      violation->set_description(what);
    }
    wire.add_details()->PackFrom(bad_request);
  }
  if (details.retry_after.has_value()) {
    google::rpc::RetryInfo retry;
    const int64_t ms = absl::ToInt64Milliseconds(*details.retry_after);
    retry.mutable_retry_delay()->set_seconds(ms / 1000);
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(ms % 1000 * 1'000'000));
    wire.add_details()->PackFrom(retry);
  }
  return {
      .code = code, .message = message, .details = wire.SerializeAsString()};
}

std::optional<int64_t> RetryPushbackMs(const absl::Status& status,
                                       Repeat repeat, absl::Duration left) {
  constexpr int64_t kGiveUp = -1;
  const ErrorDetails details = DetailsOf(status);
  const absl::StatusCode code = ReasonCode(details.reason);
  if (code != absl::StatusCode::kUnavailable &&
      code != absl::StatusCode::kResourceExhausted)
    return std::nullopt;
  if (repeat == Repeat::kSpent ||
      (repeat == Repeat::kMaySpend && MayHaveTaken(details.reason)))
    return kGiveUp;
  if (!details.retry_after.has_value()) return std::nullopt;
  const bool is_endless = left == absl::InfiniteDuration();
  if (*details.retry_after > (is_endless ? kStreamsWait : left)) return kGiveUp;
  // Some clients (Java's) repeat whatever carries a time, also what their
  // policy does not name.
  if (code != absl::StatusCode::kUnavailable) return std::nullopt;
  return absl::ToInt64Milliseconds(*details.retry_after);
}

}  // namespace wxident

#include "server/rpc/call_record.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

constexpr absl::Duration kMostTime = absl::Seconds(10);
constexpr absl::Duration kDefaultTime = absl::Seconds(3);

absl::Duration TimeLeft(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max())
    return kDefaultTime;
  return std::min(
      kMostTime, absl::FromChrono(deadline - std::chrono::system_clock::now()));
}

// Faults that an operator must look at; the others are the callers' business.
bool IsOurs(absl::StatusCode code) {
  return code == absl::StatusCode::kInternal ||
         code == absl::StatusCode::kDataLoss ||
         code == absl::StatusCode::kUnknown;
}

void LogFailure(const std::string& rpc, const absl::Status& status,
                const ErrorDetails& details) {
  // The message is logged only where the caller does not get it: it may then
  // tell of the inside.
  Log(IsOurs(status.code()) ? LogLevel::kError : LogLevel::kInfo, "call failed",
      {{"rpc", rpc},
       {"reason", std::string(ReasonName(details.reason))},
       {"errcode", details.Fact("errcode")},
       {"rid", details.Fact("rid")},
       {"message", std::string(status.message())}});
}

}  // namespace

CallRecord::CallRecord(const Services& services, absl::string_view rpc,
                       grpc::CallbackServerContext& context)
    : services_(services),
      context_(context),
      rpc_(rpc),
      began_(services.clock.Monotonic()),
      deadline_(Deadline::After(TimeLeft(context), services.clock)) {}

grpc::Status CallRecord::End(const absl::Status& status, Repeat repeat) {
  if (status.ok()) {
    Measure("OK");
    return grpc::Status::OK;
  }
  const ErrorDetails details = DetailsOf(status);
  LogFailure(std::string(rpc_), status, details);
  Measure(ReasonName(details.reason));
  const std::optional<int64_t> pushback =
      RetryPushbackMs(status, repeat, deadline_.Left(services_.clock));
  if (pushback.has_value())
    context_.AddTrailingMetadata("grpc-retry-pushback-ms",
                                 absl::StrCat(*pushback));
  return ToGrpcStatus(status);
}

grpc::Status CallRecord::EndCancelled() {
  Measure("CANCELLED");
  return grpc::Status::CANCELLED;
}

void CallRecord::Measure(absl::string_view reason) {
  services_.metrics.Observe(
      "wxident_rpc_seconds",
      {{"rpc", std::string(rpc_)}, {"reason", std::string(reason)}},
      services_.clock.Monotonic() - began_);
}

}  // namespace wxident

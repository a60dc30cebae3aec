#include "server/rpc/unary_call.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "server/base/log.h"
#include "server/identity/error.h"
#include "server/rpc/status.h"

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

}  // namespace

UnaryCall::UnaryCall(const Services& services, absl::string_view rpc,
                     grpc::CallbackServerContext& context)
    : services_(services),
      rpc_(rpc),
      began_(services.clock.Monotonic()),
      deadline_(Deadline::After(TimeLeft(context), services.clock)) {}

void UnaryCall::End(const absl::Status& status) {
  const std::string rpc(rpc_);
  std::string reason = "OK";
  if (!status.ok()) {
    const ErrorDetails details = DetailsOf(status);
    reason = std::string(ReasonName(details.reason));
    auto errcode = details.metadata.find("errcode");
    auto rid = details.metadata.find("rid");
    // The message is logged only where the caller does not get it: it may
    // then tell of the inside.
    Log(IsOurs(status.code()) ? LogLevel::kError : LogLevel::kInfo,
        "call failed",
        {{"rpc", rpc},
         {"reason", reason},
         {"errcode", errcode == details.metadata.end() ? "" : errcode->second},
         {"rid", rid == details.metadata.end() ? "" : rid->second},
         {"message", std::string(status.message())}});
  }
  services_.metrics.Observe("wxident_rpc_seconds",
                            {{"rpc", rpc}, {"reason", reason}},
                            services_.clock.Monotonic() - began_);
  Finish(ToGrpcStatus(status));
}

}  // namespace wxident

#include "server/rpc/call_record.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/rpc/audited.h"

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

// Refused for who they are, not for what they asked.
bool IsRefusedCaller(Reason reason) {
  return reason == Reason::kCallerUnauthenticated ||
         reason == Reason::kCallerNotAllowed;
}

void LogFailure(const std::string& rpc, const std::string& caller,
                const std::string& request_id, const absl::Status& status,
                const ErrorDetails& details) {
  // The message is logged only where the caller does not get it: it may then
  // tell of the inside.
  Log(IsOurs(status.code()) ? LogLevel::kError : LogLevel::kInfo, "call failed",
      {{"rpc", rpc},
       {"reason", std::string(ReasonName(details.reason))},
       {"caller", caller},
       {"request_id", request_id},
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
      deadline_(Deadline::After(TimeLeft(context), services.clock)),
      request_id_(absl::BytesToHexString(services.random.Bytes(8))) {}

absl::Status CallRecord::Admit() {
  WX_ASSIGN_OR_RETURN(caller_, services_.callers.Identify(context_));
  WX_ASSIGN_OR_RETURN(admission_, services_.access.Admit(caller_, rpc_));
  return absl::OkStatus();
}

absl::Status CallRecord::Allow(absl::string_view app_id) {
  app_id_ = std::string(app_id);
  return Allows(app_id) ? absl::OkStatus() : AccessControl::NotAllowedError();
}

absl::Status CallRecord::AllowEveryApp() {
  return AllowsEveryApp() ? absl::OkStatus() : AccessControl::NotAllowedError();
}

bool CallRecord::StillAllowed() const {
  return services_.callers.Identify(context_).ok() &&
         services_.access.Allows(caller_, rpc_, app_id_);
}

AuditEntry CallRecord::MakeAuditEntry(absl::string_view reason) const {
  // What failed released nothing, and stored nothing that counts.
  const bool done = reason == "OK";
  return {.caller = caller_,
          .method = std::string(rpc_),
          .app_id = app_id_,
          .subject = subject_,
          .reason = std::string(reason),
          .key_id = done ? services_.key_ring.sealing_key_id() : 0,
          .request_id = request_id_};
}

void CallRecord::NoteRefusedPart(absl::string_view app_id) {
  if (services_.audit == nullptr) return;
  AuditEntry entry = MakeAuditEntry(ReasonName(Reason::kCallerNotAllowed));
  entry.app_id = std::string(app_id);
  services_.audit->Note(std::move(entry));
}

void CallRecord::Release(DoneStatus done) {
  if (!asked_)
    return std::move(done)(
        absl::InternalError("a call did not ask for its caller's right"));
  const Audited audited = AuditedAs(rpc_);
  if (services_.audit == nullptr || audited == Audited::kNo)
    return std::move(done)(absl::OkStatus());
  if (services_.audit_required && audited == Audited::kBeforeTheAnswer)
    return services_.audit->Write(MakeAuditEntry("OK"), std::move(done));
  services_.audit->Note(MakeAuditEntry("OK"));
  std::move(done)(absl::OkStatus());
}

grpc::Status CallRecord::End(const absl::Status& status, Repeat repeat) {
  if (status.ok()) {
    Measure("OK");
    return grpc::Status::OK;
  }
  const ErrorDetails details = DetailsOf(status);
  LogFailure(std::string(rpc_), caller_, request_id_, status, details);
  Measure(ReasonName(details.reason));
  if (services_.audit != nullptr &&
      (AuditedAs(rpc_) != Audited::kNo || IsRefusedCaller(details.reason)))
    services_.audit->Note(MakeAuditEntry(ReasonName(details.reason)));
  context_.AddTrailingMetadata("wxident-request-id", request_id_);
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

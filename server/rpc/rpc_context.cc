#include "server/rpc/rpc_context.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/rpc/audited.h"
#include "server/rpc/redacted.h"

namespace wxident {
namespace {

constexpr absl::Duration kMostTime = absl::Seconds(10);
constexpr absl::Duration kDefaultTime = absl::Seconds(3);
// How a call ends that nobody waits for.
constexpr absl::string_view kCancelled = "CANCELLED";

absl::Duration TimeLeft(const Call& call) {
  if (call.deadline() == absl::InfiniteDuration()) return kDefaultTime;
  // The edge's clock, whatever the services' is.
  return std::min(kMostTime, call.deadline() - SystemClock().Monotonic());
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

RpcContext::RpcContext(const Rpc& rpc, Call& call)
    : rpc_(rpc),
      services_(rpc.services()),
      call_(call),
      began_(services_.clock.Monotonic()),
      deadline_(Deadline::After(TimeLeft(call), services_.clock)) {}

absl::Status RpcContext::Begin(absl::string_view message,
                               google::protobuf::Message& request) {
  const bool is_read =
      request.ParseFromArray(message.data(), static_cast<int>(message.size()));
  if (is_read) LogRequest(rpc_.name(), request);
  // What cannot be read counts against the caller's limits, too.
  WX_RETURN_IF_ERROR(Admit());
  if (is_read) return absl::OkStatus();
  return Error(Reason::kRequestInvalid,
               absl::StrCat("the request is not a ",
                            request.GetDescriptor()->full_name(),
                            " in the form of protobuf; send one"))
      .ToStatus();
}

absl::Status RpcContext::Admit() {
  WX_ASSIGN_OR_RETURN(caller_, services_.callers.Identify(call_));
  WX_ASSIGN_OR_RETURN(
      admission_, services_.access.Admit(caller_, rpc_.name(), rpc_.kind()));
  return absl::OkStatus();
}

const std::string& RpcContext::request_id() {
  if (request_id_.empty())
    request_id_ = absl::BytesToHexString(services_.random.Name(8));
  return request_id_;
}

absl::Status RpcContext::Allow(absl::string_view app_id) {
  app_id_ = std::string(app_id);
  return Allows(app_id) ? absl::OkStatus() : AccessControl::NotAllowedError();
}

absl::Status RpcContext::AllowEveryApp() {
  return AllowsEveryApp() ? absl::OkStatus() : AccessControl::NotAllowedError();
}

bool RpcContext::StillAllowed() const {
  return services_.callers.Identify(call_).ok() &&
         services_.access.Allows(caller_, rpc_.name(), app_id_);
}

AuditEntry RpcContext::MakeAuditEntry(absl::string_view reason) {
  // What failed released nothing, and stored nothing that counts.
  const bool done = reason == "OK";
  return {.caller = caller_,
          .method = rpc_.name(),
          .app_id = app_id_,
          .subject = subject_,
          .reason = std::string(reason),
          .key_id = done ? services_.key_ring.sealing_key_id() : 0,
          .request_id = request_id()};
}

void RpcContext::NoteRefusedPart(absl::string_view app_id) {
  if (services_.audit == nullptr) return;
  AuditEntry entry = MakeAuditEntry(ReasonName(Reason::kCallerNotAllowed));
  entry.app_id = std::string(app_id);
  services_.audit->Note(std::move(entry));
}

void RpcContext::CommitAudit(DoneStatus done) {
  if (!asked_)
    return std::move(done)(
        absl::InternalError("a call did not ask for its caller's right"));
  if (services_.audit == nullptr || rpc_.audited() == Audited::kNo)
    return std::move(done)(absl::OkStatus());
  if (services_.audit_required && rpc_.audited() == Audited::kBeforeTheAnswer)
    return services_.audit->Write(MakeAuditEntry("OK"), std::move(done));
  services_.audit->Note(MakeAuditEntry("OK"));
  std::move(done)(absl::OkStatus());
}

CallStatus RpcContext::End(const absl::Status& status, Repeat repeat) {
  if (status.ok()) {
    Measure("OK");
    return {};
  }
  const ErrorDetails details = DetailsOf(status);
  // Of callers who ask too often AccessControl tells, not as often as they ask.
  const bool is_limited = details.reason == Reason::kCallerRateLimited;
  if (!is_limited)
    LogFailure(rpc_.name(), caller_, request_id(), status, details);
  Measure(ReasonName(details.reason));
  if (services_.audit != nullptr && !is_limited &&
      (rpc_.audited() != Audited::kNo || IsRefusedCaller(details.reason)))
    services_.audit->Note(MakeAuditEntry(ReasonName(details.reason)));
  CallStatus end = ToCallStatus(status);
  end.trailers.emplace_back("wxident-request-id", request_id());
  const std::optional<int64_t> pushback =
      RetryPushbackMs(status, repeat, deadline_.Left(services_.clock));
  if (pushback.has_value())
    end.trailers.emplace_back("grpc-retry-pushback-ms",
                              absl::StrCat(*pushback));
  return end;
}

CallStatus RpcContext::EndCancelled() {
  Measure(kCancelled);
  return {.code = absl::StatusCode::kCancelled};
}

void RpcContext::Measure(absl::string_view reason) {
  rpc_.Measure(call_.cancelled() ? kCancelled : reason,
               services_.clock.Monotonic() - began_);
}

}  // namespace wxident

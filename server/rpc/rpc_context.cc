#include "server/rpc/rpc_context.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/policy/access_control.h"
#include "server/rpc/fields.h"
#include "server/rpc/method_rules.h"
#include "server/rpc/redacted.h"

namespace wxident {
namespace {

using Audit = MethodRules::Audit;

// How a call ends that nobody waits for.
constexpr absl::string_view kCancelled = "CANCELLED";

absl::Duration TimeLeft(const MethodRules& rules, const Call& call) {
  if (call.deadline() == absl::InfiniteDuration())
    return rules.default_deadline;
  // The edge's clock, whatever the services' is.
  return std::min(rules.longest_deadline,
                  call.deadline() - SystemClock().Monotonic());
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
      deadline_(Deadline::At(began_ + TimeLeft(rpc.rules(), call))) {}

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
  if (rpc_.rules().subject == MethodRules::Subject::kOperators &&
      !admission_.AllowsEveryApp())
    return AccessControl::NotAllowedError();
  return absl::OkStatus();
}

const std::string& RpcContext::request_id() {
  if (request_id_.empty())
    request_id_ = absl::BytesToHexString(services_.random.Name(8));
  return request_id_;
}

// The guard.

absl::StatusOr<Authorized> RpcContext::Allow(absl::string_view app_id) {
  app_id_ = std::string(app_id);
  if (!admission_.Allows(app_id)) return AccessControl::NotAllowedError();
  return Authorized();
}

absl::StatusOr<AuthorizedApp> RpcContext::AuthorizeApp(
    absl::string_view path, absl::string_view app_id) {
  if (app_id.empty()) return FieldError(path, "is required");
  WX_ASSIGN_OR_RETURN(const Authorized proof, Allow(app_id));
  const App* app = services_.apps.Find(app_id);
  if (app == nullptr)
    return Error(Reason::kAppUnknown,
                 absl::StrCat(path,
                              " is no app of this server; check the id, or "
                              "add the app to the server's configuration"))
        .Field(path, "is no app of this server")
        .ToStatus();
  return AuthorizedApp(proof, *app);
}

absl::StatusOr<AuthorizedPerson> RpcContext::AuthorizePerson(
    absl::string_view path, absl::string_view app_id,
    absl::string_view openid) {
  WX_ASSIGN_OR_RETURN(const AuthorizedApp app,
                      AuthorizeApp(absl::StrCat(path, ".app_id"), app_id));
  SetSubject(std::string(openid));
  WX_RETURN_IF_ERROR(OpenidField(absl::StrCat(path, ".openid"), openid));
  return AuthorizedPerson(app, {app->app_id, std::string(openid), ""});
}

absl::StatusOr<AuthorizedPerson> RpcContext::AuthorizePerson(
    const Identity& identity) {
  WX_ASSIGN_OR_RETURN(const Authorized proof, Allow(identity.app_id));
  SetSubject(identity.openid);
  const App* app = services_.apps.Find(identity.app_id);
  if (app == nullptr)
    return Error(Reason::kAppUnknown,
                 "the identity's app is no longer in the server's "
                 "configuration")
        .ToStatus();
  return AuthorizedPerson(AuthorizedApp(proof, *app), identity);
}

absl::StatusOr<AuthorizedKeys> RpcContext::AuthorizeKeys(
    SessionWithKeys stored) {
  WX_ASSIGN_OR_RETURN(const AuthorizedPerson person,
                      AuthorizePerson(stored.session.identity));
  WX_RETURN_IF_ERROR(MiniProgramSession(*person.app()));
  return AuthorizedKeys(person.app(), std::move(stored));
}

absl::StatusOr<AuthorizedSession> RpcContext::AuthorizeSession(
    const Session& session) {
  WX_ASSIGN_OR_RETURN(const Authorized proof, Allow(session.identity.app_id));
  SetSubject(session.identity.openid);
  return AuthorizedSession(proof, session);
}

absl::StatusOr<AuthorizedProfile> RpcContext::AuthorizeProfile(
    StoredProfile stored) {
  WX_ASSIGN_OR_RETURN(const Authorized proof, Allow(stored.identity.app_id));
  SetSubject(stored.identity.openid);
  return AuthorizedProfile(proof, std::move(stored));
}

absl::StatusOr<AuthorizedToken> RpcContext::AuthorizeToken(
    std::string token_hash, const Identity& owner) {
  WX_ASSIGN_OR_RETURN(const Authorized proof, Allow(owner.app_id));
  SetSubject(owner.openid);
  return AuthorizedToken(proof, std::move(token_hash));
}

absl::StatusOr<AuthorizedEveryApp> RpcContext::AuthorizeEveryApp() {
  if (!admission_.AllowsEveryApp()) return AccessControl::NotAllowedError();
  return AuthorizedEveryApp(Authorized());
}

std::optional<AuthorizedToken> RpcContext::AuthorizeAnyToken(
    std::string token_hash) {
  if (services_.audit != nullptr || !admission_.AllowsEveryApp())
    return std::nullopt;
  return AuthorizedToken(Authorized(), std::move(token_hash));
}

AuthorizedUsers RpcContext::AuthorizeUsers(AuthorizedUsers::Users users) {
  const auto keep_allowed = [this](std::optional<UserWithIdentities>& found) {
    std::vector<Identity>& identities = found->identities;
    identities.erase(
        std::remove_if(identities.begin(), identities.end(),
                       [this](const Identity& identity) {
                         return !admission_.Allows(identity.app_id);
                       }),
        identities.end());
    if (identities.empty()) return found.reset();
    found->user.phone_linked = std::any_of(
        identities.begin(), identities.end(), [&](const Identity& identity) {
          return found->apps_with_phone.count(identity.app_id) > 0;
        });
  };
  if (!admission_.AllowsEveryApp())
    for (std::optional<UserWithIdentities>& found : users)
      if (found.has_value()) keep_allowed(found);
  return AuthorizedUsers(Authorized(), std::move(users));
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

void RpcContext::CommitAudit(const Authorized&, DoneStatus done) {
  if (services_.audit == nullptr || rpc_.rules().audit == Audit::kNone)
    return std::move(done)(absl::OkStatus());
  if (services_.audit_required && rpc_.rules().audit == Audit::kRequired)
    return services_.audit->Write(MakeAuditEntry("OK"), std::move(done));
  services_.audit->Note(MakeAuditEntry("OK"));
  std::move(done)(absl::OkStatus());
}

CallStatus RpcContext::End(const absl::Status& status,
                           std::optional<Repeat> repeat) {
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
      (rpc_.rules().audit != Audit::kNone || IsRefusedCaller(details.reason)))
    services_.audit->Note(MakeAuditEntry(ReasonName(details.reason)));
  CallStatus end = ToCallStatus(status);
  end.trailers.emplace_back("wxident-request-id", request_id());
  const std::optional<int64_t> pushback =
      RetryPushbackMs(status, repeat.value_or(rpc_.rules().repeat),
                      deadline_.Left(services_.clock));
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

#ifndef WXIDENT_SERVER_RPC_RPC_CONTEXT_H_
#define WXIDENT_SERVER_RPC_RPC_CONTEXT_H_

#include <google/protobuf/message.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/audit/audit_log.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/edge/call.h"
#include "server/identity/authorized.h"
#include "server/identity/types.h"
#include "server/person/authorized.h"
#include "server/policy/access_control.h"
#include "server/rpc/rpc.h"
#include "server/rpc/services.h"
#include "server/rpc/status.h"
#include "server/store/profile_store.h"
#include "server/store/session_store.h"

namespace wxident {

// What an RPC of any kind has besides its steps: a caller who may call or not,
// a deadline, a line in the audit log, and an end that is logged, measured and
// told to the caller. Part of the call object. Exactly one of the two Ends is
// called, once, by whichever thread ends the call.
class RpcContext {
 public:
  // Both outlive it.
  RpcContext(const Rpc& rpc, Call& call);

  // The caller's deadline, as the method's rules bound it.
  Deadline deadline() const { return deadline_; }

  // Who calls (Callers::Identify), once the call has begun.
  const std::string& caller() const { return caller_; }

  // Reads `message` into `request` and logs that; then, whether the caller may
  // call this method at all. To be called first, once. Errors:
  // CALLER_UNAUTHENTICATED, those of AccessControl::Admit, and REQUEST_INVALID
  // for what is no such message.
  absl::Status Begin(absl::string_view message,
                     google::protobuf::Message& request);

  // The guard. Each of these asks whether the caller may call the method for
  // what it names, and gives the value with which the call goes on; without one
  // it cannot answer. They are asked as soon as it is known what the call is
  // about, before anything is done, told or sent. The audit line names the app
  // and the person. Error: CALLER_NOT_ALLOWED.

  // An app that the field `path` of the request names. Fails with
  // REQUEST_INVALID without a name, and with APP_UNKNOWN if the configuration
  // does not have it; CALLER_NOT_ALLOWED comes before that: who may not know of
  // an app is not told whether there is one.
  absl::StatusOr<AuthorizedApp> AuthorizeApp(absl::string_view path,
                                             absl::string_view app_id);
  // A person whom the message at `path` names by app_id and openid. Fails as
  // AuthorizeApp, and with REQUEST_INVALID for what is no openid.
  absl::StatusOr<AuthorizedPerson> AuthorizePerson(absl::string_view path,
                                                   absl::string_view app_id,
                                                   absl::string_view openid);
  // A person whom the store knows. Fails with APP_UNKNOWN if the configuration
  // has lost the app.
  absl::StatusOr<AuthorizedPerson> AuthorizePerson(const Identity& identity);
  // The session_keys of a stored session. Fails as AuthorizePerson, and with
  // REQUEST_INVALID if it is not that of a mini program.
  absl::StatusOr<AuthorizedKeys> AuthorizeKeys(SessionWithKeys stored);
  // What is stored. The app need not be in the configuration any more.
  absl::StatusOr<AuthorizedSession> AuthorizeSession(const Session& session);
  absl::StatusOr<AuthorizedProfile> AuthorizeProfile(StoredProfile stored);
  absl::StatusOr<AuthorizedToken> AuthorizeToken(std::string token_hash,
                                                 const Identity& owner);
  // What spans apps.
  absl::StatusOr<AuthorizedEveryApp> AuthorizeEveryApp();
  // A token, whosever it is, if nobody needs to know whose: the caller may call
  // for every app, and no audit log is kept. Otherwise nullopt.
  std::optional<AuthorizedToken> AuthorizeAnyToken(std::string token_hash);
  // Takes out of `users` what the caller may not see: identities of apps that
  // it may not call the method for, that a phone is stored of one of those, and
  // a user who is left with none.
  AuthorizedUsers AuthorizeUsers(AuthorizedUsers::Users users);
  // For an answer about nobody: a token of nobody, or nobody was asked for.
  NoApp AboutNobody() const { return NoApp(Authorized()); }

  // The caller was refused a part of what it asks for, of this app, and gets
  // the rest: the line that the audit log would have if that were all.
  void NoteRefusedPart(absl::string_view app_id);

  // Whether the caller is not revoked by now, and the policy that is in place
  // still lets it call the method for the app. On any thread, after
  // AuthorizeApp.
  bool StillAllowed() const;

  // Whom the call is about, an openid or a user_id, for the audit line.
  void SetSubject(std::string subject) { subject_ = std::move(subject); }

  // Calls `done` when what the call has brought may leave: at once, or when its
  // audit line is written. Error: AUDIT_UNAVAILABLE.
  void CommitAudit(const Authorized& proof, DoneStatus done);

  // How the call ends, to be told after this. A failure has its audit line
  // here. An end that nobody waits for is measured as CANCELLED.
  // `repeat` is given by who knows more than the method's rules.
  CallStatus End(const absl::Status& status,
                 std::optional<Repeat> repeat = std::nullopt);

  // The same for a call that ends for nothing but that nobody waits for it.
  CallStatus EndCancelled();

 private:
  absl::Status Admit();
  // The audit line names the app.
  absl::StatusOr<Authorized> Allow(absl::string_view app_id);
  void Measure(absl::string_view reason);
  AuditEntry MakeAuditEntry(absl::string_view reason);
  // Random, in hexadecimal: joins the log, the audit log and what the caller
  // was told. Made when first asked for.
  const std::string& request_id();

  const Rpc& rpc_;
  const Services& services_;
  Call& call_;
  const absl::Duration began_;
  const Deadline deadline_;
  std::string request_id_;
  std::string caller_;
  Admission admission_;
  std::string app_id_;
  std::string subject_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_RPC_CONTEXT_H_

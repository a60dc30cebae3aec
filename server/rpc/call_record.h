#ifndef WXIDENT_SERVER_RPC_CALL_RECORD_H_
#define WXIDENT_SERVER_RPC_CALL_RECORD_H_

#include <google/protobuf/message.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/audit/audit_log.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/edge/call.h"
#include "server/policy/access_control.h"
#include "server/rpc/rpc.h"
#include "server/rpc/services.h"
#include "server/rpc/status.h"

namespace wxident {

// What an RPC of any kind has besides its steps: a caller who may call or not,
// a deadline, a line in the audit log, and an end that is logged, measured and
// told to the caller. Part of the call object. Exactly one of the two Ends is
// called, once, by whichever thread ends the call.
class CallRecord {
 public:
  // Both outlive it.
  CallRecord(const Rpc& rpc, Call& call);

  const Services& services() const { return services_; }

  // The caller's deadline: at most 10 s from the start, 3 s when it set none.
  Deadline deadline() const { return deadline_; }

  // Who calls (Callers::Identify), once the call has begun.
  const std::string& caller() const { return caller_; }

  // Reads `message` into `request` and logs that; then, whether the caller may
  // call this method at all. To be called first, once. Errors:
  // CALLER_UNAUTHENTICATED, those of AccessControl::Admit, and REQUEST_INVALID
  // for what is no such message.
  absl::Status Begin(absl::string_view message,
                     google::protobuf::Message& request);

  // One of these is asked as soon as it is known which apps the call is about,
  // before anything is done, told or sent; a call that has asked none cannot
  // succeed. Whether the caller may call the method for this app, which the
  // audit line then names; CALLER_NOT_ALLOWED.
  absl::Status Allow(absl::string_view app_id);
  // The same for what spans apps.
  absl::Status AllowEveryApp();
  // The questions alone.
  bool Allows(absl::string_view app_id) {
    asked_ = true;
    return admission_.Allows(app_id);
  }
  bool AllowsEveryApp() {
    asked_ = true;
    return admission_.AllowsEveryApp();
  }
  // The caller was refused a part of what it asks for, of this app, and gets
  // the rest: the line that the audit log would have if that were all.
  void NoteRefusedPart(absl::string_view app_id);
  // The answer is about no app: a token of nobody, or nobody was asked for.
  void ConcernsNoApp() { asked_ = true; }

  // Whether the caller is not revoked by now, and the policy that is in place
  // still lets it do what Allow let it do. On any thread, after Allow.
  bool StillAllowed() const;

  // Whom the call is about, an openid or a user_id, for the audit line.
  void Concerns(std::string subject) { subject_ = std::move(subject); }

  // Calls `done` when what the call has brought may leave: at once, or when its
  // audit line is written. Errors: AUDIT_UNAVAILABLE, and INTERNAL_FAULT for a
  // call that has not asked for the caller's right.
  void Release(DoneStatus done);

  // How the call ends, to be told after this. A failure has its audit line
  // here. An end that nobody waits for is measured as CANCELLED.
  CallStatus End(const absl::Status& status, Repeat repeat = Repeat::kSafe);

  // The same for a call that ends for nothing but that nobody waits for it.
  CallStatus EndCancelled();

 private:
  absl::Status Admit();
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
  // Whether the caller's right was asked for.
  bool asked_ = false;
  std::string app_id_;
  std::string subject_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_CALL_RECORD_H_

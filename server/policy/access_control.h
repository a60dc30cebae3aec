#ifndef WXIDENT_SERVER_POLICY_ACCESS_CONTROL_H_
#define WXIDENT_SERVER_POLICY_ACCESS_CONTROL_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/policy/policy.h"

namespace wxident {

struct AppRight;

// One call that AccessControl has let in. Destroying it gives its place among
// the caller's running calls back. What it allows is what the policy said when
// the call began. Movable; used by one thread at a time. May outlive the
// AccessControl.
class Admission {
 public:
  // A caller's use of its limits.
  struct Usage;

  // None: allows nothing.
  Admission() = default;
  // A call that runs, which `usage` has counted; `right` is nullptr for one
  // that needs none.
  Admission(std::shared_ptr<Usage> usage, std::shared_ptr<const AppRight> right,
            bool is_stream);
  Admission(Admission&&) noexcept = default;
  Admission& operator=(Admission&&) noexcept;
  ~Admission();

  // Whether the caller may call the method for this app.
  bool Allows(absl::string_view app_id) const;
  // Whether it may for every app: what spans apps needs this.
  bool AllowsEveryApp() const;

 private:
  std::shared_ptr<Usage> usage_;
  std::shared_ptr<const AppRight> right_;
  bool is_stream_ = false;
};

// Decides who may call what, under a policy that can be replaced at any moment.
// What does not depend on the call, such as matching a caller against patterns,
// is done once for each caller and policy. Remembers at most 10,000 callers at
// a time, and refuses one more until one of them is at rest: with nothing
// running and none of its rate used. Thread-safe.
class AccessControl {
 public:
  // How a call is answered: at once, or as long as its caller likes.
  enum class Kind { kUnary, kStream };
  // Streams of all callers, so that the audit log's queue has room for the
  // lines of a token that is new to all of them.
  static constexpr int kMaxStreams = 12'000;

  // For what runs long. Called on the thread of Replace, without locks.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnPolicyReplaced() = 0;
  };

  // `clock` and `metrics` outlive it.
  AccessControl(Policy policy, Clock& clock, Metrics& metrics);
  ~AccessControl();

  // Calls that run go on under the old policy, but for what listens. Rates keep
  // what callers have used of them.
  void Replace(Policy policy);

  // Lets one call of `method` ("Login") in. Errors: CALLER_RATE_LIMITED, with a
  // time, when one of the caller's limits is used up, counted in
  // wxident_caller_limited_total by the limit's pattern and logged now and
  // then; CALLER_NOT_ALLOWED when no row allows the method for any app. A
  // refused call has used its share of the rate all the same, or refusals would
  // be free to ask for.
  absl::StatusOr<Admission> Admit(const std::string& caller,
                                  absl::string_view method,
                                  Kind kind = Kind::kUnary);
  // The same for what needs no right: health, reflection, and methods that
  // there are not. Its streams leave the caller's rate alone, for without
  // health's a client's channel makes no call; 200 a second may be opened, and
  // 2,000 at once. It allows nothing. Error: CALLER_RATE_LIMITED.
  absl::StatusOr<Admission> AdmitAnybody(const std::string& caller,
                                         Kind kind = Kind::kUnary);

  // What the policy says now, of a call that began under an older one.
  bool Allows(const std::string& caller, absl::string_view method,
              absl::string_view app_id);

  // Tells `listener` of each Replace from now on, until Unlisten; once more
  // after that, when the Replace is under way.
  void Listen(std::shared_ptr<Listener> listener);
  void Unlisten(const Listener& listener);

  // The error of a call for an app that Admission does not allow.
  static absl::Status NotAllowedError();

 private:
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_POLICY_ACCESS_CONTROL_H_

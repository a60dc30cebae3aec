#ifndef WXIDENT_SERVER_ACCESS_ACCESS_CONTROL_H_
#define WXIDENT_SERVER_ACCESS_ACCESS_CONTROL_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/access/policy.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"

namespace wxident {

// One call that AccessControl has let in. Destroying it gives its place among
// the caller's running calls back. What it allows is what the policy said when
// the call began. Movable; used by one thread at a time.
class Admission {
 public:
  struct State;

  // None: allows nothing.
  Admission();
  explicit Admission(std::unique_ptr<State> state);
  Admission(Admission&&) noexcept;
  Admission& operator=(Admission&&) noexcept;
  ~Admission();

  // Whether the caller may call the method for this app.
  bool Allows(absl::string_view app_id) const;
  // Whether it may for every app: what spans apps needs this.
  bool AllowsEveryApp() const;

 private:
  std::unique_ptr<State> state_;
};

// Decides who may call what, under a policy that can be replaced at any moment.
// Work that does not depend on the call, such as matching a caller against
// patterns, is done once for each caller and policy. Thread-safe.
class AccessControl {
 public:
  // `clock` and `metrics` outlive it.
  AccessControl(Policy policy, Clock& clock, Metrics& metrics);
  ~AccessControl();

  // Calls that run go on under the old policy. Rates keep what callers have
  // used of them.
  void Replace(Policy policy);

  // Lets one call of `method` ("Login") in. Errors: CALLER_NOT_ALLOWED when no
  // row allows the method for any app; CALLER_RATE_LIMITED, with a time, when
  // the caller's rate or concurrency is used up.
  absl::StatusOr<Admission> Admit(const std::string& caller,
                                  absl::string_view method);

  // The error of a call for an app that Admission does not allow.
  static absl::Status NotAllowedError();

 private:
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_ACCESS_ACCESS_CONTROL_H_

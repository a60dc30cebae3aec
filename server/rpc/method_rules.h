#ifndef WXIDENT_SERVER_RPC_METHOD_RULES_H_
#define WXIDENT_SERVER_RPC_METHOD_RULES_H_

#include <google/protobuf/descriptor.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/rpc/status.h"

namespace wxident {

// What a method promises: its option method_rules in protos/.
struct MethodRules {
  // Whom a call is about.
  enum class Subject { kApp, kSession, kUser, kPlatform, kOperators };

  // Whether a call has a line in the audit log. Refused callers always have.
  enum class Audit {
    kNone,
    // A line for each call, dropped and counted when it cannot be written.
    kBestEffort,
    // The line is written before the answer leaves.
    kRequired,
  };

  Subject subject = Subject::kOperators;
  Audit audit = Audit::kRequired;
  // The time of a call whose caller sets none, and the most that a caller gets.
  // Infinite for a stream.
  absl::Duration default_deadline;
  absl::Duration longest_deadline;
  // What a failure of a call says about another try, unless it knows better.
  Repeat repeat = Repeat::kMaySpend;
};

// Returns the rules of `method`. Fails with FAILED_PRECONDITION, and names the
// method, if one of them is missing.
absl::StatusOr<MethodRules> RulesOf(
    const google::protobuf::MethodDescriptor& method);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_METHOD_RULES_H_

#include "server/rpc/method_rules.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "wxident/v1/options.pb.h"

namespace wxident {
namespace {

using Subject = MethodRules::Subject;
using Audit = MethodRules::Audit;

// nullopt for a value that this server does not know, as for none.
std::optional<Subject> SubjectOf(const v1::MethodRules& rules) {
  switch (rules.subject()) {
    case v1::MethodRules::SUBJECT_APP:
      return Subject::kApp;
    case v1::MethodRules::SUBJECT_SESSION:
      return Subject::kSession;
    case v1::MethodRules::SUBJECT_USER:
      return Subject::kUser;
    case v1::MethodRules::SUBJECT_PLATFORM:
      return Subject::kPlatform;
    case v1::MethodRules::SUBJECT_OPERATORS:
      return Subject::kOperators;
    default:
      return std::nullopt;
  }
}

std::optional<Audit> AuditOf(const v1::MethodRules& rules) {
  switch (rules.audit()) {
    case v1::MethodRules::AUDIT_NONE:
      return Audit::kNone;
    case v1::MethodRules::AUDIT_BEST_EFFORT:
      return Audit::kBestEffort;
    case v1::MethodRules::AUDIT_REQUIRED:
      return Audit::kRequired;
    default:
      return std::nullopt;
  }
}

std::optional<Repeat> RepeatOf(const v1::MethodRules& rules) {
  switch (rules.repeatable()) {
    case v1::MethodRules::REPEATABLE_YES:
      return Repeat::kSafe;
    case v1::MethodRules::REPEATABLE_SAME_CODE:
    case v1::MethodRules::REPEATABLE_NO:
      return Repeat::kMaySpend;
    default:
      return std::nullopt;
  }
}

absl::Duration DurationOf(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

}  // namespace

absl::StatusOr<MethodRules> RulesOf(
    const google::protobuf::MethodDescriptor& method) {
  const auto missing = [&](absl::string_view what) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the method ", method.full_name(), " has no ", what,
        " in its option (method_rules); add it to the .proto file"));
  };
  const v1::MethodRules& given =
      method.options().GetExtension(v1::method_rules);
  const std::optional<Subject> subject = SubjectOf(given);
  if (!subject.has_value()) return missing("subject");
  const std::optional<Audit> audit = AuditOf(given);
  if (!audit.has_value()) return missing("audit");
  const std::optional<Repeat> repeat = RepeatOf(given);
  if (!repeat.has_value()) return missing("repeatable");

  MethodRules rules{.subject = *subject,
                    .audit = *audit,
                    .default_deadline = absl::InfiniteDuration(),
                    .longest_deadline = absl::InfiniteDuration(),
                    .repeat = *repeat};
  if (method.client_streaming() || method.server_streaming()) return rules;
  rules.default_deadline = DurationOf(given.default_deadline());
  rules.longest_deadline = DurationOf(given.longest_deadline());
  if (rules.default_deadline <= absl::ZeroDuration())
    return missing("default_deadline");
  if (rules.longest_deadline < rules.default_deadline)
    return missing("longest_deadline from the default one on");
  return rules;
}

}  // namespace wxident

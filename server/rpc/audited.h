#ifndef WXIDENT_SERVER_RPC_AUDITED_H_
#define WXIDENT_SERVER_RPC_AUDITED_H_

#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace wxident {

// Whether a method's calls have a line in the audit log.
enum class Audited {
  // None but for refused callers.
  kNo,
  // A line for each call, dropped and counted when it cannot be written.
  kNoted,
  // The line is written before the answer leaves: the method hands out what
  // others entrusted to us, or does what cannot be undone.
  kBeforeTheAnswer,
};

// `rpc` is a method's name without its service. One that is not in the list is
// kBeforeTheAnswer: nothing goes unseen because nobody thought of it.
Audited AuditedAs(absl::string_view rpc);

// The list, which names every method of both services.
absl::Span<const std::pair<absl::string_view, Audited>> AuditedMethods();

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_AUDITED_H_

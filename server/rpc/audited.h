#ifndef WXIDENT_SERVER_RPC_AUDITED_H_
#define WXIDENT_SERVER_RPC_AUDITED_H_

#include "absl/strings/string_view.h"

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

// `rpc` is a method's name without its service.
Audited AuditedAs(absl::string_view rpc);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_AUDITED_H_

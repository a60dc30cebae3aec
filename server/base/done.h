#ifndef WXIDENT_SERVER_BASE_DONE_H_
#define WXIDENT_SERVER_BASE_DONE_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

namespace wxident {

// How an asynchronous operation reports. Every operation that takes a Done
// calls it exactly once, on any thread, and perhaps before the operation's own
// call returns; so issuing an operation is the last act of the step that does.
template <typename T>
using Done = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;

// The same for an operation that has no result.
using DoneStatus = absl::AnyInvocable<void(absl::Status) &&>;

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_DONE_H_

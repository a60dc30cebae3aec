#ifndef WXIDENT_SERVER_BASE_STATUS_MACROS_H_
#define WXIDENT_SERVER_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function when `expression` is not OK.
#define WX_RETURN_IF_ERROR(expression)                          \
  do {                                                          \
    if (absl::Status wx_status = (expression); !wx_status.ok()) \
      return wx_status;                                         \
  } while (false)

// Declares or assigns `target` from a StatusOr, or returns its error.
#define WX_ASSIGN_OR_RETURN(target, expression) \
  WX_ASSIGN_OR_RETURN_(WX_CONCAT_(wx_statusor_, __LINE__), target, expression)
#define WX_ASSIGN_OR_RETURN_(statusor, target, expression) \
  auto statusor = (expression);                            \
  if (!statusor.ok()) return std::move(statusor).status(); \
  target = *std::move(statusor)
#define WX_CONCAT_(a, b) WX_CONCAT_INNER_(a, b)
#define WX_CONCAT_INNER_(a, b) a##b

#endif  // WXIDENT_SERVER_BASE_STATUS_MACROS_H_

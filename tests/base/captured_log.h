#ifndef WXIDENT_TESTS_BASE_CAPTURED_LOG_H_
#define WXIDENT_TESTS_BASE_CAPTURED_LOG_H_

#include <string>

#include "gtest/gtest.h"
#include "server/base/log.h"

namespace wxident {

// Returns what `body` logs, and what else it writes to stderr.
template <typename Body>
std::string LoggedBy(Body body) {
  FlushLog();
  testing::internal::CaptureStderr();
  body();
  FlushLog();
  return testing::internal::GetCapturedStderr();
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_BASE_CAPTURED_LOG_H_

#ifndef WXIDENT_SERVER_BASE_LOG_H_
#define WXIDENT_SERVER_BASE_LOG_H_

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace wxident {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One name and value of a log line. Values are text; a Secret has no way in.
using LogField = std::pair<absl::string_view, std::string>;

// Writes one JSON line to stderr: ts, level, event, and the fields in order.
// Values are escaped and cut at 256 bytes; empty ones are left out.
// Thread-safe; may wait for stderr.
void Log(LogLevel level, absl::string_view event,
         std::initializer_list<LogField> fields = {});

// What is less than `level` is not written. The default is kInfo.
void SetLogLevel(LogLevel level);

// Whether Log writes lines of `level`, for those who would make one in vain.
bool IsLogged(LogLevel level);

// One log line without its newline, as Log writes it. For tests.
std::string FormatLogLine(absl::string_view timestamp, LogLevel level,
                          absl::string_view event,
                          std::initializer_list<LogField> fields);

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_LOG_H_

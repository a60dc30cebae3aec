#ifndef WXIDENT_SERVER_BASE_LOG_H_
#define WXIDENT_SERVER_BASE_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace wxident {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One name and value of a log line. Values are text; a Secret has no way in.
using LogField = std::pair<absl::string_view, std::string>;

// Writes one JSON line to stderr: ts, level, event, and the fields in order.
// Empty values are left out. Of a value with more than 256 bytes the rest is
// left out, and "..." says so. Bytes that are no UTF-8 become U+FFFD.
// Never blocks: a thread of the log writes the line within milliseconds, and at
// the process's end. If stderr takes nothing, lines are dropped and counted.
// Thread-safe.
void Log(LogLevel level, absl::string_view event,
         std::initializer_list<LogField> fields = {});

// What is less than `level` is not written. The default is kInfo.
void SetLogLevel(LogLevel level);

// Returns whether Log writes lines of `level`, for who would make one in vain.
bool IsLogged(LogLevel level);

// Waits until what was logged before is written, at most 1 s.
void FlushLog();

// From now on a fatal signal, such as that of abort, waits for the lines that
// were logged before it, at most 0.5 s. To be called once, at start.
void FlushLogOnFatalSignals();

// Returns how many lines were dropped since the process began.
uint64_t DroppedLogLines();

// Returns one log line without its newline, as Log writes it. For tests.
std::string FormatLogLine(absl::string_view timestamp, LogLevel level,
                          absl::string_view event,
                          std::initializer_list<LogField> fields);

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_LOG_H_

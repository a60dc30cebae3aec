#include "server/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/json_text.h"

namespace wxident {
namespace {

absl::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::logger& Logger() {
  static spdlog::logger& logger = *[] {
    auto* made = new spdlog::logger(
        "wxident", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return logger;
}

}  // namespace

std::string FormatLogLine(absl::string_view timestamp, LogLevel level,
                          absl::string_view event,
                          std::initializer_list<LogField> fields) {
  std::string line = absl::StrCat("{\"ts\":\"", timestamp, "\",\"level\":\"",
                                  LevelName(level), "\",\"event\":");
  AppendJsonText(event, line);
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    line += ',';
    AppendJsonText(name, line);
    line += ':';
    AppendJsonText(value, line);
  }
  line += '}';
  return line;
}

void Log(LogLevel level, absl::string_view event,
         std::initializer_list<LogField> fields) {
  if (!IsLogged(level)) return;
  const std::string now = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(),
                                           absl::UTCTimeZone());
  Logger().log(SpdlogLevel(level), FormatLogLine(now, level, event, fields));
}

bool IsLogged(LogLevel level) {
  return Logger().should_log(SpdlogLevel(level));
}

void SetLogLevel(LogLevel level) { Logger().set_level(SpdlogLevel(level)); }

}  // namespace wxident

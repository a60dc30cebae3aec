#include "server/app/grpc_log.h"

#include <grpc/support/log.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/log.h"

namespace wxident {
namespace {

constexpr absl::Duration kBetweenLines = absl::Seconds(1);

// Lines of one place in the library's source.
struct Place {
  absl::Time logged_at = absl::InfinitePast();
  int left_out = 0;
};

// What the library calls an error is mostly a peer's: no fault of this server.
LogLevel LevelOf(gpr_log_severity severity) {
  switch (severity) {
    case GPR_LOG_SEVERITY_DEBUG:
      return LogLevel::kDebug;
    case GPR_LOG_SEVERITY_INFO:
      return LogLevel::kInfo;
    case GPR_LOG_SEVERITY_ERROR:
      return LogLevel::kWarning;
  }
  return LogLevel::kWarning;
}

void LogLine(gpr_log_func_args* args) {
  static std::mutex& mutex = *new std::mutex;
  static auto& places = *new std::map<std::pair<std::string, int>, Place>;
  int left_out = 0;
  {
    std::lock_guard<std::mutex> lock(mutex);
    Place& place = places[{args->file, args->line}];
    const absl::Time now = absl::Now();
    if (now - place.logged_at < kBetweenLines) {
      ++place.left_out;
      return;
    }
    place.logged_at = now;
    left_out = std::exchange(place.left_out, 0);
  }
  absl::string_view file = args->file;
  file.remove_prefix(file.rfind('/') + 1);
  Log(LevelOf(args->severity), "grpc",
      {{"message", args->message},
       {"at", absl::StrCat(file, ":", args->line)},
       {"left_out", left_out == 0 ? "" : absl::StrCat(left_out)}});
}

}  // namespace

void TakeGrpcLog() { gpr_set_log_function(LogLine); }

}  // namespace wxident

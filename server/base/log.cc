#include "server/base/log.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/log_writer.h"

namespace wxident {
namespace {

constexpr size_t kMaxBytes = 256;
constexpr absl::Duration kFlushTime = absl::Seconds(1);

std::atomic<LogLevel> least_level{LogLevel::kInfo};

const char* LevelName(LogLevel level) {
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

// Lives for ever, for whoever logs last.
LogWriter& Writer() {
  static LogWriter& writer = *[] {
    auto* made = new LogWriter(STDERR_FILENO);
    std::atexit(FlushLog);
    return made;
  }();
  return writer;
}

// Whether `c` goes on with the character that began before it.
bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

std::string Cut(absl::string_view text) {
  if (text.size() <= kMaxBytes) return std::string(text);
  size_t size = kMaxBytes;
  // No character is longer than 4 bytes.
  while (size > kMaxBytes - 4 && IsContinuation(text[size])) --size;
  return std::string(text.substr(0, size)) + "...";
}

// What JSON allows and a terminal or a reader could take for something else:
// DEL, U+0080 to U+009F (U+009B begins a terminal's commands), the line
// separators U+2028 and U+2029, and what turns the direction of text, U+202A to
// U+202E and U+2066 to U+2069. Outside strings a line holds none of them.
std::string WithEscapedControls(const std::string& line) {
  const auto is_plain = [](char c) { return c >= 0 && c < 0x7f; };
  if (std::all_of(line.begin(), line.end(), is_plain)) return line;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(line.size());
  const auto byte = [&](size_t i) {
    return i < line.size() ? static_cast<unsigned char>(line[i]) : 0u;
  };
  for (size_t i = 0; i < line.size(); ++i) {
    unsigned code = 0;
    size_t size = 1;
    if (byte(i) == 0x7f) {
      code = 0x7f;
    } else if (byte(i) == 0xc2 && byte(i + 1) <= 0x9f) {
      code = byte(i + 1);
      size = 2;
    } else if (byte(i) == 0xe2 &&
               (byte(i + 1) == 0x80 || byte(i + 1) == 0x81)) {
      const unsigned found =
          0x2000 + ((byte(i + 1) & 0x3f) << 6) + (byte(i + 2) & 0x3f);
      if ((found >= 0x2028 && found <= 0x202e) ||
          (found >= 0x2066 && found <= 0x2069)) {
        code = found;
        size = 3;
      }
    }
    if (code == 0) {
      out += line[i];
      continue;
    }
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4)
      out += kHex[(code >> shift) & 0xf];
    i += size - 1;
  }
  return out;
}

constexpr std::array<int, 5> kFatal = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE,
                                       SIGILL};
// By the place in kFatal: who had the signal before.
std::array<struct sigaction, kFatal.size()> former_actions;

void OnFatalSignal(int number, siginfo_t* info, void*) {
  Writer().FlushInSignalHandler();
  for (size_t i = 0; i < kFatal.size(); ++i)
    if (kFatal[i] == number) sigaction(number, &former_actions[i], nullptr);
  // A fault comes again when this returns, and tells more than a second signal.
  const bool is_fault = info != nullptr && info->si_code > 0;
  if (!is_fault) raise(number);
}

}  // namespace

std::string FormatLogLine(absl::string_view timestamp, LogLevel level,
                          absl::string_view event,
                          std::initializer_list<LogField> fields) {
  using Json = nlohmann::ordered_json;
  Json line = {{"ts", std::string(timestamp)},
               {"level", LevelName(level)},
               {"event", Cut(event)}};
  for (const auto& [name, value] : fields)
    if (!value.empty()) line[std::string(name)] = Cut(value);
  return WithEscapedControls(line.dump(/*indent=*/-1, /*indent_char=*/' ',
                                       /*ensure_ascii=*/false,
                                       Json::error_handler_t::replace));
}

void Log(LogLevel level, absl::string_view event,
         std::initializer_list<LogField> fields) {
  if (!IsLogged(level)) return;
  const std::string now = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(),
                                           absl::UTCTimeZone());
  std::string line = FormatLogLine(now, level, event, fields);
  line += '\n';
  Writer().Add(line);
}

void SetLogLevel(LogLevel level) { least_level = level; }

bool IsLogged(LogLevel level) { return level >= least_level.load(); }

void FlushLog() { Writer().Flush(kFlushTime); }

void FlushLogOnFatalSignals() {
  // Made now, for a signal handler may make nothing.
  Writer();
  struct sigaction action {};
  action.sa_sigaction = OnFatalSignal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (size_t i = 0; i < kFatal.size(); ++i)
    sigaction(kFatal[i], &action, &former_actions[i]);
}

uint64_t DroppedLogLines() { return Writer().dropped(); }

}  // namespace wxident

#include "server/audit/audit_writer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"

namespace wxident {
namespace {

// Ends a half line. Were it the newline alone, a line that lacks just that
// would become a whole one.
constexpr char kHalfEnd[] = "#\n";

// About a call's line.
constexpr size_t kUsualLine = 512;

}  // namespace

absl::StatusOr<std::unique_ptr<AuditWriter>> AuditWriter::Open(
    const std::string& path, const Secret& key) {
  WX_ASSIGN_OR_RETURN(std::unique_ptr<AuditFile> file, AuditFile::Open(path));
  WX_ASSIGN_OR_RETURN(const AuditFile::Tail tail, file->ReadTail());
  std::unique_ptr<AuditWriter> writer(
      new AuditWriter(path, key, std::move(file)));
  WX_RETURN_IF_ERROR(writer->GoOn(tail));
  return writer;
}

absl::Status AuditWriter::GoOn(const AuditFile::Tail& tail) {
  if (!tail.line.empty()) {
    const std::optional<AuditLine> last = format_.Read(tail.line);
    if (!last.has_value())
      return absl::InvalidArgumentError(absl::StrCat(
          "audit log: the last line of ", path_,
          " was not written with audit.key_file, or has been changed since: "
          "verify the file and move it away"));
    head_ = AuditHead{last->seq, last->mac};
  }
  half_ = tail.half;
  events_ = {tail.line.empty() ? "file_begun" : "started"};
  LogHead("audit log opened");
  return absl::OkStatus();
}

absl::Status AuditWriter::Reopen() {
  if (file_->IsAt(path_)) return absl::OkStatus();
  WX_ASSIGN_OR_RETURN(std::unique_ptr<AuditFile> next, AuditFile::Open(path_));
  WX_ASSIGN_OR_RETURN(const AuditFile::Tail tail, next->ReadTail());
  if (!tail.line.empty() || !tail.half.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("audit log: ", path_, " is not empty"));
  file_ = std::move(next);
  half_.clear();
  events_.insert(events_.begin(), "file_begun");
  LogHead("audit log goes to a new file");
  return absl::OkStatus();
}

void AuditWriter::LogHead(absl::string_view event) const {
  Log(LogLevel::kInfo, event,
      {{"file", path_}, {"seq", absl::StrCat(head_.seq)}, {"head", head_.mac}});
}

AuditWriter::Appended AuditWriter::Append(const std::vector<Item>& items,
                                          uint64_t missing, absl::Time now) {
  if (file_->IsGone()) {
    const absl::Status reopened = Reopen();
    if (!reopened.ok()) return {.error = std::string(reopened.message())};
  }

  std::string text;
  text.reserve(items.size() * kUsualLine);
  std::vector<size_t> ends;
  ends.reserve(items.size());
  AuditHead head = head_;
  AuditStamp stamp{now, missing};
  const auto next_line = [&] {
    ends.push_back(text.size());
    stamp.missing = 0;
  };
  const bool names_half = !half_.empty();
  if (names_half) {
    text = kHalfEnd;
    format_.AppendHalfLine(absl::StrCat(half_, kHalfEnd), stamp, head, text);
    next_line();
  }
  for (absl::string_view event : events_) {
    format_.AppendEvent(event, stamp, head, text);
    next_line();
  }
  const size_t own_lines = ends.size();
  for (const Item& item : items) {
    stamp.time = item.time;
    format_.AppendCall(item.entry, stamp, head, text);
    next_line();
  }
  if (ends.empty()) return {};

  Appended appended;
  const size_t taken = file_->Append(text, appended.error);
  const size_t lines = static_cast<size_t>(
      std::upper_bound(ends.begin(), ends.end(), taken) - ends.begin());
  const size_t whole = lines == 0 ? 0 : ends[lines - 1];
  if (lines > 0) {
    appended.told_missing = missing > 0;
    appended.items = lines - std::min(lines, own_lines);
    // The last whole line's mac stands before its quote, brace and newline.
    head_ = AuditHead{head_.seq + lines, text.substr(whole - 3 - 64, 64)};
    half_.clear();
    const size_t events =
        std::min(lines - (names_half ? 1 : 0), events_.size());
    events_.erase(events_.begin(), events_.begin() + static_cast<long>(events));
  }
  if (taken > whole && !file_->TakeBack(taken - whole))
    half_.append(text, whole, taken - whole);
  return appended;
}

}  // namespace wxident

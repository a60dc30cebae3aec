#include "server/audit/audit_chain.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/hash.h"

namespace wxident {
namespace {

// No write leaves more than this behind; lines beyond it are not half ones.
constexpr size_t kMaxHalf = size_t{64} << 20;

std::string Lines(uint64_t first, uint64_t last) {
  return first == last ? absl::StrCat("line number ", first)
                       : absl::StrCat("line numbers ", first, " to ", last);
}

}  // namespace

AuditChain::AuditChain(const Secret& key, std::string expected_head)
    : format_(key),
      expected_head_(std::move(expected_head)),
      // The head before the first line is nobody's mac.
      head_seen_(expected_head_.empty() || expected_head_ == AuditHead().mac) {}

void AuditChain::BreakAt(uint64_t line, std::string what) {
  report_.broken = Break{file_, line, std::move(what)};
}

void AuditChain::BeginFile(std::string name) {
  EndFile();
  file_ = std::move(name);
  line_ = 0;
}

void AuditChain::Line(absl::string_view text, bool ended) {
  ++line_;
  const std::optional<AuditLine> line = format_.Read(text);
  if (report_.broken.has_value()) {
    if (line.has_value() && wanted_ != 0 && line->seq == wanted_) {
      report_.broken->what =
          absl::StrCat("reordered: line number ", wanted_,
                       " should stand here, but stands further down, in line ",
                       line_, " of ", file_);
      wanted_ = 0;
    }
    return;
  }
  // Without its newline a line is not whole.
  if (line.has_value() && ended)
    OnGenuine(*line);
  else
    OnForeign(text, ended);
}

void AuditChain::OnForeign(absl::string_view text, bool ended) {
  if (foreign_lines_++ == 0) foreign_from_ = line_;
  if (foreign_.size() < kMaxHalf)
    absl::StrAppend(&foreign_, text, ended ? "\n" : "");
  if (ended) return;
  // The end of the file. A crash leaves less than a line, never more.
  const size_t close = text.rfind("\"}");
  if (foreign_lines_ > 1 ||
      (close != absl::string_view::npos && close + 2 < text.size() &&
       format_.Read(text.substr(0, close + 2))))
    return;
  report_.half_lines.push_back(
      {file_, line_,
       absl::StrCat("half a line, ", text.size(),
                    " bytes, at the end of the file: it was being written when "
                    "the process ended")});
  foreign_.clear();
  foreign_lines_ = 0;
}

void AuditChain::OnGenuine(const AuditLine& line) {
  if (foreign_lines_ > 0 ? !FollowsForeign(line) : !Follows(line)) return;
  foreign_.clear();
  foreign_lines_ = 0;
  if (!begun_) report_.first_seq = line.seq;
  begun_ = true;
  ++report_.lines;
  report_.missing += line.missing;
  report_.head = AuditHead{line.seq, line.mac};
  if (line.mac == expected_head_) head_seen_ = true;
}

bool AuditChain::Follows(const AuditLine& line) {
  const uint64_t expected = report_.head.seq + 1;
  if (line.event == "half_line") {
    BreakAt(line_, absl::StrCat("removed: the half line of ", line.half_bytes,
                                " bytes that this line tells of"));
  } else if (!begun_) {
    if (line.event == "file_begun") return true;
    wanted_ = line.seq - 1;
    BreakAt(line_, absl::StrCat("removed: the lines before number ", line.seq,
                                ", with which no file begins"));
  } else if (line.seq > expected) {
    wanted_ = expected;
    BreakAt(line_, absl::StrCat("removed: ", Lines(expected, line.seq - 1)));
  } else if (line.seq == 1) {
    BreakAt(line_,
            "removed: a new chain begins here, and nothing tells how the one "
            "before it ended");
  } else if (line.seq < expected) {
    BreakAt(line_, absl::StrCat("added: line number ", line.seq,
                                " stands here once more"));
  } else if (line.prev != report_.head.mac) {
    BreakAt(line_, absl::StrCat("replaced: line number ", line.seq,
                                " was written after another line than the one "
                                "before it"));
  } else {
    return true;
  }
  return false;
}

bool AuditChain::FollowsForeign(const AuditLine& line) {
  const uint64_t expected = report_.head.seq + 1;
  const bool next = line.seq == expected && line.prev == report_.head.mac;
  if (next && line.event == "half_line" && line.half_bytes == foreign_.size() &&
      line.half_sha256 == absl::BytesToHexString(Sha256(foreign_))) {
    report_.half_lines.push_back(
        {file_, foreign_from_,
         absl::StrCat("half a line, ", foreign_.size(),
                      " bytes, which the log itself tells of in line ",
                      line_)});
    return true;
  }
  if (next && line.event == "half_line")
    BreakAt(foreign_from_, "changed: a half line is not what the log told of");
  else if (next)
    BreakAt(foreign_from_,
            absl::StrCat("added: ", foreign_lines_,
                         " line(s) that were not written with this key"));
  else if (!begun_ || line.seq <= expected + foreign_lines_)
    BreakAt(foreign_from_, "changed: the line does not fit its mac");
  else
    BreakAt(
        foreign_from_,
        absl::StrCat("changed: the line does not fit its mac; and removed: ",
                     Lines(expected + foreign_lines_, line.seq - 1)));
  return false;
}

void AuditChain::EndFile() {
  if (foreign_lines_ == 0 || report_.broken.has_value()) return;
  BreakAt(foreign_from_,
          "changed or added: the line was not written with this key as it "
          "stands");
}

AuditChain::Report AuditChain::Finish() {
  EndFile();
  if (!report_.broken.has_value() && !begun_)
    BreakAt(line_ + 1, "removed: there is no line, and a log has at least one");
  if (!report_.broken.has_value() && !head_seen_)
    BreakAt(line_ + 1,
            "removed: no line has the hash of --head; lines at the end were "
            "cut off");
  return report_;
}

}  // namespace wxident

#ifndef WXIDENT_TESTS_AUDIT_CHAIN_SAMPLE_H_
#define WXIDENT_TESTS_AUDIT_CHAIN_SAMPLE_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/audit/audit_chain.h"
#include "server/audit/audit_line.h"

namespace wxident {

inline Secret AuditKey() { return Secret(std::string(32, 'k')); }
inline Secret OtherAuditKey() { return Secret(std::string(32, 'o')); }

inline AuditEntry SampleEntry(int number) {
  return {.caller = "spiffe://corp/orders",
          .method = "GetAccessToken",
          .app_id = "wx4f4bc4dec97d474b",
          .subject = absl::StrCat("openid-", number),
          .reason = "OK",
          .key_id = 7,
          .request_id = absl::StrCat("request-", number)};
}

// Makes lines as the log does, each without its newline.
class ChainSample {
 public:
  explicit ChainSample(const Secret& key = AuditKey()) : format_(key) {}

  void Event(absl::string_view event) {
    std::string line;
    format_.AppendEvent(event, {Next(), missing_}, head, line);
    Keep(line);
  }
  void Calls(int count) {
    for (int i = 0; i < count; ++i) {
      std::string line;
      format_.AppendCall(SampleEntry(++calls_), {Next(), missing_}, head, line);
      Keep(line);
    }
  }
  // A line that a crash left half, and what the log says of it.
  void HalfLine() {
    std::string line;
    AuditHead lost = head;
    format_.AppendCall(SampleEntry(0), {Next(), 0}, lost, line);
    lines.push_back(line.substr(0, 100) + "#");
    line.clear();
    format_.AppendHalfLine(lines.back() + "\n", {Next(), missing_}, head, line);
    Keep(line);
  }
  void Missing(uint64_t count) { missing_ = count; }

  AuditHead head;
  std::vector<std::string> lines;

 private:
  absl::Time Next() {
    time_ += absl::Milliseconds(1);
    return time_;
  }
  void Keep(const std::string& line) {
    lines.push_back(line.substr(0, line.size() - 1));
    missing_ = 0;
  }

  AuditLineFormat format_;
  absl::Time time_ = absl::FromUnixSeconds(1767323045);
  uint64_t missing_ = 0;
  int calls_ = 0;
};

inline std::string TextOf(const std::vector<std::string>& lines) {
  return absl::StrCat(absl::StrJoin(lines, "\n"), "\n");
}

// What files of these texts, oldest first, are found to be. Their names are 1,
// 2 and so on.
inline AuditChain::Report Verify(const std::vector<std::string>& texts,
                                 const std::string& head = "",
                                 const Secret& key = AuditKey()) {
  AuditChain chain(key, head);
  for (size_t i = 0; i < texts.size(); ++i) {
    chain.BeginFile(absl::StrCat(i + 1));
    std::vector<absl::string_view> lines = absl::StrSplit(texts[i], '\n');
    for (size_t line = 0; line < lines.size(); ++line) {
      const bool ended = line + 1 < lines.size();
      if (ended || !lines[line].empty()) chain.Line(lines[line], ended);
    }
  }
  return chain.Finish();
}

// "file:line: what was found" of the first break; "" when there is none.
inline std::string BreakOf(const AuditChain::Report& report) {
  return report.broken.has_value()
             ? absl::StrCat(report.broken->file, ":", report.broken->line, ": ",
                            report.broken->what)
             : "";
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_AUDIT_CHAIN_SAMPLE_H_

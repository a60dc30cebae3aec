#include "server/audit/audit_chain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/audit/chain_sample.h"

namespace wxident {
namespace {

// Lines 1 to 7; their numbers are the same.
ChainSample Plain() {
  ChainSample sample;
  sample.Event("file_begun");
  sample.Calls(5);
  sample.Event("stopped");
  return sample;
}

TEST(AuditChainTest, WhatTheLogWroteIsGood) {
  ChainSample sample;
  sample.Event("file_begun");
  sample.Calls(3);
  sample.HalfLine();
  sample.Event("started");
  sample.Missing(4);
  sample.Calls(2);
  const AuditChain::Report report = Verify({TextOf(sample.lines)});
  EXPECT_EQ(BreakOf(report), "");
  EXPECT_EQ(report.lines, 8);
  EXPECT_EQ(report.first_seq, 1);
  EXPECT_EQ(report.head.seq, 8);
  EXPECT_EQ(report.head.mac, sample.head.mac);
  EXPECT_EQ(report.missing, 4);
  ASSERT_EQ(report.half_lines.size(), 1);
  EXPECT_EQ(report.half_lines[0].line, 5);
}

TEST(AuditChainTest, EveryBitCounts) {
  ChainSample sample;
  sample.Event("file_begun");
  sample.Calls(2);
  sample.HalfLine();
  sample.Event("started");
  sample.Missing(4);
  sample.Calls(2);
  const std::string text = TextOf(sample.lines);
  uint64_t line = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = text;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      const AuditChain::Report report = Verify({changed});
      ASSERT_TRUE(report.broken.has_value()) << "byte " << i << " bit " << bit;
      // Who changes what tells of a half line changes both.
      ASSERT_EQ(report.broken->line, line == 5 ? 4 : line)
          << "byte " << i << " bit " << bit;
      ASSERT_TRUE(absl::StrContains(report.broken->what, "changed"))
          << BreakOf(report) << " byte " << i << " bit " << bit;
    }
    if (text[i] == '\n') ++line;
  }
}

TEST(AuditChainTest, RemovedLinesAreMissed) {
  const ChainSample sample = Plain();
  for (size_t first = 0; first + 1 < sample.lines.size(); ++first) {
    for (size_t count = 1; first + count < sample.lines.size(); ++count) {
      std::vector<std::string> lines = sample.lines;
      lines.erase(lines.begin() + static_cast<long>(first),
                  lines.begin() + static_cast<long>(first + count));
      const AuditChain::Report report = Verify({TextOf(lines)});
      ASSERT_TRUE(report.broken.has_value()) << first << " " << count;
      EXPECT_EQ(report.broken->line, first + 1);
      EXPECT_TRUE(absl::StartsWith(report.broken->what, "removed"))
          << BreakOf(report);
    }
  }
  std::vector<std::string> lines = sample.lines;
  lines.erase(lines.begin() + 2, lines.begin() + 4);
  EXPECT_EQ(BreakOf(Verify({TextOf(lines)})),
            "1:3: removed: line numbers 3 to 4");
}

TEST(AuditChainTest, MovedLinesAreFound) {
  const ChainSample sample = Plain();
  for (size_t a = 0; a < sample.lines.size(); ++a) {
    for (size_t b = a + 1; b < sample.lines.size(); ++b) {
      std::vector<std::string> lines = sample.lines;
      std::swap(lines[a], lines[b]);
      const AuditChain::Report report = Verify({TextOf(lines)});
      ASSERT_TRUE(report.broken.has_value()) << a << " " << b;
      EXPECT_EQ(report.broken->line, a + 1);
      EXPECT_TRUE(absl::StartsWith(report.broken->what, "reordered"))
          << BreakOf(report);
    }
  }
  std::vector<std::string> lines = sample.lines;
  std::rotate(lines.begin() + 2, lines.begin() + 3, lines.begin() + 6);
  EXPECT_EQ(BreakOf(Verify({TextOf(lines)})),
            "1:3: reordered: line number 3 should stand here, but stands "
            "further down, in line 6 of 1");
}

TEST(AuditChainTest, DoubledLinesAreFound) {
  const ChainSample sample = Plain();
  for (size_t from = 0; from < sample.lines.size(); ++from) {
    for (size_t to = from + 1; to <= sample.lines.size(); ++to) {
      std::vector<std::string> lines = sample.lines;
      lines.insert(lines.begin() + static_cast<long>(to), sample.lines[from]);
      const AuditChain::Report report = Verify({TextOf(lines)});
      ASSERT_TRUE(report.broken.has_value()) << from << " " << to;
      EXPECT_EQ(report.broken->line, to + 1);
    }
  }
  std::vector<std::string> lines = sample.lines;
  lines.insert(lines.begin() + 3, lines[1]);
  EXPECT_EQ(BreakOf(Verify({TextOf(lines)})),
            "1:4: added: line number 2 stands here once more");
}

TEST(AuditChainTest, LinesOfAnotherKeyDoNotFit) {
  const ChainSample sample = Plain();
  for (size_t at = 0; at <= sample.lines.size(); ++at) {
    ChainSample forger(OtherAuditKey());
    forger.head.seq = at;
    if (at > 0)
      forger.head.mac =
          AuditLineFormat(AuditKey()).Read(sample.lines[at - 1])->mac;
    forger.Calls(1);

    std::vector<std::string> added = sample.lines;
    added.insert(added.begin() + static_cast<long>(at), forger.lines[0]);
    AuditChain::Report report = Verify({TextOf(added)});
    ASSERT_TRUE(report.broken.has_value()) << at;
    EXPECT_EQ(report.broken->line, at + 1);
    EXPECT_TRUE(absl::StrContains(report.broken->what, "added"))
        << BreakOf(report);

    if (at == sample.lines.size()) continue;
    std::vector<std::string> changed = sample.lines;
    changed[at] = forger.lines[0];
    report = Verify({TextOf(changed)});
    ASSERT_TRUE(report.broken.has_value()) << at;
    EXPECT_EQ(report.broken->line, at + 1);
    EXPECT_TRUE(absl::StartsWith(report.broken->what, "changed"))
        << BreakOf(report);
  }
  EXPECT_TRUE(
      Verify({TextOf(sample.lines)}, "", OtherAuditKey()).broken.has_value());
}

TEST(AuditChainTest, ACutEndShowsAgainstTheHead) {
  const ChainSample sample = Plain();
  const std::string head = sample.head.mac;
  EXPECT_EQ(BreakOf(Verify({TextOf(sample.lines)}, head)), "");
  for (size_t left = 1; left < sample.lines.size(); ++left) {
    const std::vector<std::string> lines(
        sample.lines.begin(), sample.lines.begin() + static_cast<long>(left));
    EXPECT_EQ(BreakOf(Verify({TextOf(lines)})), "");
    const AuditChain::Report report = Verify({TextOf(lines)}, head);
    ASSERT_TRUE(report.broken.has_value()) << left;
    EXPECT_EQ(report.broken->line, left + 1);
    EXPECT_TRUE(absl::StrContains(report.broken->what, "cut off"));
  }
  // A head that was told before further lines came.
  ChainSample later = sample;
  later.Calls(3);
  EXPECT_EQ(BreakOf(Verify({TextOf(later.lines)}, head)), "");
  // What a server tells that finds no log.
  EXPECT_EQ(BreakOf(Verify({TextOf(sample.lines)}, AuditHead().mac)), "");
}

TEST(AuditChainTest, NoLinesAtAllAreNoLog) {
  EXPECT_TRUE(absl::StrContains(BreakOf(Verify({""})), "no line"));
}

TEST(AuditChainTest, TwoChainsDoNotMix) {
  ChainSample sample = Plain();
  ChainSample fork = sample;
  sample.Calls(3);
  // The same numbers after the same beginning, on another replica's disk.
  fork.Event("started");
  fork.Calls(2);
  std::vector<std::string> lines = sample.lines;
  lines[8] = fork.lines[8];
  EXPECT_TRUE(
      absl::StartsWith(BreakOf(Verify({TextOf(lines)})), "1:9: replaced"));

  ChainSample anew = Plain();
  lines = sample.lines;
  lines.insert(lines.end(), anew.lines.begin(), anew.lines.end());
  EXPECT_TRUE(absl::StartsWith(BreakOf(Verify({TextOf(lines)})),
                               "1:11: removed: a new chain begins here"));
}

TEST(AuditChainTest, ALineThatACrashLeftHalfIsNoTampering) {
  const ChainSample sample = Plain();
  const std::string text = TextOf(sample.lines);
  const size_t last = sample.lines.back().size() + 1;
  // Wherever the write stopped.
  for (size_t cut = 1; cut < last; ++cut) {
    const AuditChain::Report report =
        Verify({text.substr(0, text.size() - cut)});
    ASSERT_EQ(BreakOf(report), "") << cut;
    ASSERT_EQ(report.half_lines.size(), 1) << cut;
    ASSERT_EQ(report.lines, sample.lines.size() - 1);
  }
  // More than a line without an end is not what a crash leaves.
  EXPECT_EQ(Verify({text.substr(0, text.size() - 1) + "{"}).broken->line, 7);
}

TEST(AuditChainTest, AHalfLineIsWhatTheLogSaidOfIt) {
  ChainSample sample = Plain();
  sample.HalfLine();
  sample.Calls(1);
  EXPECT_EQ(BreakOf(Verify({TextOf(sample.lines)})), "");
  // The half line is line 8, what tells of it 9.
  std::vector<std::string> lines = sample.lines;
  lines.erase(lines.begin() + 7);
  EXPECT_TRUE(absl::StartsWith(BreakOf(Verify({TextOf(lines)})),
                               "1:8: removed: the half line of 102 bytes"));
  lines = sample.lines;
  lines.erase(lines.begin() + 8);
  EXPECT_TRUE(
      absl::StartsWith(BreakOf(Verify({TextOf(lines)})), "1:8: changed"));
  lines = sample.lines;
  lines.insert(lines.begin() + 7, "{\"caller\":\"added\"}");
  EXPECT_TRUE(
      absl::StartsWith(BreakOf(Verify({TextOf(lines)})), "1:8: changed"));
}

TEST(AuditChainTest, RotatedFilesJoin) {
  ChainSample sample;
  std::vector<std::string> files;
  for (int file = 0; file < 3; ++file) {
    sample.lines.clear();
    sample.Event("file_begun");
    sample.Calls(3);
    files.push_back(TextOf(sample.lines));
  }
  const AuditChain::Report whole = Verify(files, sample.head.mac);
  EXPECT_EQ(BreakOf(whole), "");
  EXPECT_EQ(whole.lines, 12);
  EXPECT_EQ(BreakOf(Verify({files[0] + files[1] + files[2]})), "");

  const AuditChain::Report rest = Verify({files[1], files[2]});
  EXPECT_EQ(BreakOf(rest), "");
  EXPECT_EQ(rest.first_seq, 5);

  EXPECT_EQ(BreakOf(Verify({files[0], files[2]})),
            "2:1: removed: line numbers 5 to 8");
  EXPECT_EQ(BreakOf(Verify({files[1], files[0]})),
            "2:1: removed: a new chain begins here, and nothing tells how the "
            "one before it ended");
  EXPECT_TRUE(absl::StartsWith(BreakOf(Verify({files[0], files[2], files[1]})),
                               "2:1: reordered"));
  // A file that lost its end, and one that lost its beginning.
  const std::string cut = files[1].substr(0, files[1].rfind("{\"time"));
  EXPECT_EQ(BreakOf(Verify({files[0], cut, files[2]})),
            "3:1: removed: line number 8");
  const std::string headless = files[1].substr(files[1].find('\n') + 1);
  EXPECT_EQ(BreakOf(Verify({headless, files[2]})),
            "1:1: removed: the lines before number 6, with which no file "
            "begins");
  // A half line may end a file that was rotated away.
  const AuditChain::Report half =
      Verify({files[0] + "{\"time\":\"2026", files[1]});
  EXPECT_EQ(BreakOf(half), "");
  EXPECT_EQ(half.half_lines.size(), 1);
}

}  // namespace
}  // namespace wxident

#include "server/audit/audit_writer.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/audit/chain_sample.h"
#include "tests/base/temp_folder.h"

namespace {
// A file that can only grow, as after chattr +a, which needs rights that a test
// has not.
bool may_not_shrink = false;
}  // namespace

extern "C" int ftruncate(int fd, off_t size) noexcept {
  if (!may_not_shrink) {
    const std::string path = absl::StrCat("/proc/self/fd/", fd);
    return truncate(path.c_str(), size);
  }
  errno = EPERM;
  return -1;
}

namespace wxident {
namespace {

// While it lives, no file of this process grows over `bytes`.
class FileLimit {
 public:
  explicit FileLimit(size_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

class AuditWriterTest : public testing::Test {
 protected:
  ~AuditWriterTest() override { may_not_shrink = false; }

  std::unique_ptr<AuditWriter> Open() {
    return AuditWriter::Open(path_, AuditKey()).value();
  }
  static std::vector<AuditWriter::Item> Items(int count) {
    std::vector<AuditWriter::Item> items;
    for (int i = 0; i < count; ++i)
      items.push_back({SampleEntry(i), absl::FromUnixSeconds(1767323045)});
    return items;
  }
  static AuditWriter::Appended Append(AuditWriter& writer, int count,
                                      uint64_t missing = 0) {
    return writer.Append(Items(count), missing,
                         absl::FromUnixSeconds(1767323045));
  }
  static std::string Read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  std::string Text() { return Read(path_); }

  const TempFolder folder_;
  std::string path_ = folder_.Path("audit.log");
};

TEST_F(AuditWriterTest, GoesOnWhereTheFileEnds) {
  for (int start = 0; start < 3; ++start) {
    const auto writer = Open();
    EXPECT_EQ(Append(*writer, 2).items, 2);
    writer->Stop();
    EXPECT_EQ(Append(*writer, 0).error, "");
  }
  const AuditChain::Report report = Verify({Text()});
  EXPECT_EQ(BreakOf(report), "");
  EXPECT_EQ(report.lines, 12);
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600);
}

TEST_F(AuditWriterTest, AFileHasOneWriter) {
  const auto writer = Open();
  const absl::Status second = AuditWriter::Open(path_, AuditKey()).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(second.message(), path_)) << second;
  EXPECT_TRUE(absl::StrContains(second.message(), "another process"));
}

TEST_F(AuditWriterTest, WhatCannotBeGoneOnWithIsRefused) {
  path_ = folder_.Path("none/audit.log");
  EXPECT_TRUE(absl::StrContains(
      AuditWriter::Open(path_, AuditKey()).status().message(), path_));
  path_ = folder_.Path("audit.log");
  Append(*Open(), 1);
  const absl::Status other = AuditWriter::Open(path_, OtherAuditKey()).status();
  EXPECT_EQ(other.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(other.message(), path_)) << other;
  std::ofstream(path_, std::ios::app) << "not of the log\n";
  EXPECT_FALSE(AuditWriter::Open(path_, AuditKey()).ok());
}

TEST_F(AuditWriterTest, EndsAndNamesTheLineThatACrashLeftHalf) {
  Append(*Open(), 2);
  const std::string text = Text();
  // Wherever the write stopped, also within the file's first line.
  for (size_t size = 1; size < text.size(); size += 13) {
    std::ofstream(path_, std::ios::binary) << text.substr(0, size);
    const bool begins_line = text[size - 1] == '\n';
    EXPECT_EQ(Append(*Open(), 1).items, 1);
    const AuditChain::Report report = Verify({Text()});
    ASSERT_EQ(BreakOf(report), "") << size;
    ASSERT_EQ(report.half_lines.size(), begins_line ? 0 : 1) << size;
  }
  // A line that lacks its newline alone.
  std::ofstream(path_, std::ios::binary) << text.substr(0, text.size() - 1);
  Append(*Open(), 1);
  EXPECT_EQ(BreakOf(Verify({Text()})), "");
  EXPECT_EQ(Verify({Text()}).half_lines.size(), 1);
}

TEST_F(AuditWriterTest, WhatAFullDiskCutIsTakenBack) {
  const auto writer = Open();
  ASSERT_EQ(Append(*writer, 1).items, 1);
  const size_t line = Text().size() / 2;
  for (size_t room = 0; room < 3 * line; room += 97) {
    const std::string before = Text();
    AuditWriter::Appended appended;
    {
      FileLimit limit(before.size() + room);
      appended = Append(*writer, 5, 9);
    }
    ASSERT_LT(appended.items, 5);
    ASSERT_NE(appended.error, "");
    ASSERT_EQ(appended.told_missing, appended.items > 0);
    // Whole lines alone, and no more of them than it says.
    const AuditChain::Report report = Verify({Text()});
    ASSERT_EQ(BreakOf(report), "");
    ASSERT_TRUE(report.half_lines.empty());
    ASSERT_EQ(report.lines, Verify({before}).lines + appended.items);
    ASSERT_EQ(writer->head().mac, report.head.mac);
  }
  EXPECT_EQ(Append(*writer, 5).items, 5);
  EXPECT_EQ(BreakOf(Verify({Text()})), "");
}

TEST_F(AuditWriterTest, WhatCannotBeTakenBackIsNamed) {
  may_not_shrink = true;
  const auto writer = Open();
  ASSERT_EQ(Append(*writer, 1).items, 1);
  const size_t line = Text().size() / 2;
  size_t named = 0;
  for (size_t room = 1; room < 3 * line; room += 97) {
    {
      FileLimit limit(Text().size() + room);
      Append(*writer, 5);
      // And once more, into what is left half.
      Append(*writer, 5);
    }
    ASSERT_EQ(Append(*writer, 1).items, 1);
    const AuditChain::Report report = Verify({Text()});
    ASSERT_EQ(BreakOf(report), "") << room;
    ASSERT_EQ(writer->head().mac, report.head.mac);
    named = report.half_lines.size();
  }
  EXPECT_GT(named, 5);
}

TEST_F(AuditWriterTest, AFullDiskAtTheStartIsNoEnd) {
  AuditWriter::Appended appended;
  const auto writer = Open();
  {
    FileLimit limit(0);
    appended = Append(*writer, 1);
  }
  EXPECT_EQ(appended.items, 0);
  EXPECT_EQ(Append(*writer, 1).items, 1);
  const AuditChain::Report report = Verify({Text()});
  EXPECT_EQ(BreakOf(report), "");
  EXPECT_EQ(report.lines, 2);
}

TEST_F(AuditWriterTest, ReopensWhereThePathLeadsNow) {
  const auto writer = Open();
  Append(*writer, 2);
  // Nothing has moved.
  ASSERT_TRUE(writer->Reopen().ok());
  Append(*writer, 1);
  const std::string old = path_ + ".1";
  std::filesystem::rename(path_, old);
  // Until it is told, it writes what has been moved away.
  Append(*writer, 1);
  EXPECT_EQ(Verify({Read(old)}).lines, 5);
  ASSERT_TRUE(writer->Reopen().ok());
  Append(*writer, 2);
  EXPECT_EQ(Verify({Text()}).lines, 3);
  EXPECT_EQ(BreakOf(Verify({Read(old), Text()}, writer->head().mac)), "");
}

TEST_F(AuditWriterTest, ABadNewFileLeavesTheOldOne) {
  const auto writer = Open();
  Append(*writer, 1);
  const std::string old = path_ + ".1";
  std::filesystem::rename(path_, old);
  std::ofstream(path_) << "of somebody else\n";
  EXPECT_EQ(writer->Reopen().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Append(*writer, 1).items, 1);
  EXPECT_EQ(Text(), "of somebody else\n");
  EXPECT_EQ(BreakOf(Verify({Read(old)}, writer->head().mac)), "");
  std::filesystem::remove(path_);
  ASSERT_TRUE(writer->Reopen().ok());
  Append(*writer, 1);
  EXPECT_EQ(BreakOf(Verify({Read(old), Text()}, writer->head().mac)), "");
}

TEST_F(AuditWriterTest, ADeletedFileIsMadeAnew) {
  const auto writer = Open();
  Append(*writer, 2);
  std::filesystem::remove(path_);
  EXPECT_EQ(Append(*writer, 2).items, 2);
  const AuditChain::Report report = Verify({Text()}, writer->head().mac);
  EXPECT_EQ(BreakOf(report), "");
  EXPECT_EQ(report.first_seq, 4);
  // Where it cannot be, nothing counts as written.
  std::filesystem::remove_all(folder_.path());
  const AuditWriter::Appended lost = Append(*writer, 1);
  EXPECT_EQ(lost.items, 0);
  EXPECT_NE(lost.error, "");
}

}  // namespace
}  // namespace wxident

#include "server/audit/audit_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/identity/error.h"
#include "tests/audit/chain_sample.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temp_folder.h"

namespace wxident {
namespace {

class AuditLogTest : public testing::Test {
 protected:
  AuditLogTest() { signal(SIGPIPE, SIG_IGN); }

  std::unique_ptr<AuditLog> Open(int queue_limit = 16384) {
    return AuditLog::Open(
               {.path = path_, .key = AuditKey(), .queue_limit = queue_limit},
               clock_, metrics_)
        .value();
  }
  static std::future<absl::Status> Write(AuditLog& log, int number = 0) {
    auto promise = std::make_shared<std::promise<absl::Status>>();
    std::future<absl::Status> future = promise->get_future();
    log.Write(SampleEntry(number), [promise](absl::Status status) {
      promise->set_value(std::move(status));
    });
    return future;
  }
  std::string Text(const std::string& suffix = "") {
    std::ifstream in(path_ + suffix, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  double Metric(const std::string& name) {
    for (absl::string_view line : absl::StrSplit(metrics_.Text(), '\n'))
      if (absl::StartsWith(line, name + " "))
        return std::stod(std::string(line.substr(name.size())));
    return -1;
  }

  FakeClock clock_;
  Metrics metrics_;
  const TempFolder folder_;
  std::string path_ = folder_.Path("audit.log");
};

TEST_F(AuditLogTest, AWrittenLineIsInTheFile) {
  auto log = Open();
  ASSERT_TRUE(Write(*log, 1).get().ok());
  EXPECT_TRUE(absl::StrContains(Text(), "request-1"));
  EXPECT_TRUE(absl::StrContains(Text(), "2026-01-02T03:04:05.000000Z"));
  log->Note(SampleEntry(2));
  log.reset();
  EXPECT_TRUE(absl::StrContains(Text(), "request-2"));
  const AuditChain::Report report = Verify({Text()});
  EXPECT_EQ(BreakOf(report), "");
  // And file_begun, and stopped.
  EXPECT_EQ(report.lines, 4);
  EXPECT_EQ(Metric("wxident_audit_lines_total"), 2);
  EXPECT_EQ(Metric("wxident_audit_dropped_total"), 0);
}

TEST_F(AuditLogTest, RacersHaveNoGapsAndKeepTheirOrder) {
  constexpr int kRacers = 8;
  constexpr int kEach = 400;
  std::atomic<int> failed{0};
  {
    auto log = Open();
    std::vector<std::thread> racers;
    for (int racer = 0; racer < kRacers; ++racer)
      racers.emplace_back([&, racer] {
        for (int i = 0; i < kEach; ++i) {
          AuditEntry entry = SampleEntry(i);
          entry.caller = absl::StrCat("racer ", racer);
          if (i % 3 == 0)
            log->Note(std::move(entry));
          else
            log->Write(std::move(entry), [&](absl::Status status) {
              if (!status.ok()) ++failed;
            });
          if (i == kEach / 2 && racer == 0) {
            std::filesystem::rename(path_, path_ + ".1");
            EXPECT_TRUE(log->Reopen().ok());
          }
        }
      });
    for (std::thread& racer : racers) racer.join();
  }
  EXPECT_EQ(failed, 0);
  const AuditChain::Report report = Verify({Text(".1"), Text()});
  EXPECT_EQ(BreakOf(report), "");
  EXPECT_EQ(report.lines, kRacers * kEach + 3);
  EXPECT_EQ(report.head.seq, report.lines);
  std::map<std::string, int> next;
  const std::string all = Text(".1") + Text();
  for (absl::string_view line : absl::StrSplit(all, '\n', absl::SkipEmpty())) {
    const auto json = nlohmann::json::parse(line);
    if (!json.contains("caller")) continue;
    ASSERT_EQ(json["request_id"],
              absl::StrCat("request-", next[json["caller"]]++));
  }
  EXPECT_EQ(next.size(), kRacers);
}

TEST_F(AuditLogTest, WhatFindsNoRoomIsRefusedOrCounted) {
  path_ = "/dev/full";
  auto log = Open();
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = Write(*log).get();
    EXPECT_TRUE(HasReason(status, Reason::kAuditUnavailable)) << status;
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  }
  log->Note(SampleEntry(1));
  log.reset();
  EXPECT_EQ(Metric("wxident_audit_refused_total"), 3);
  EXPECT_EQ(Metric("wxident_audit_dropped_total"), 1);
  EXPECT_EQ(Metric("wxident_audit_lines_total"), 0);
}

// A pipe that is read only when the test does: a file system that hangs.
class AuditLogHangTest : public AuditLogTest {
 protected:
  static constexpr int kRoom = 4096;

  AuditLogHangTest() {
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0);
    reader_ = open(path_.c_str(), O_RDONLY | O_NONBLOCK);
    EXPECT_GE(fcntl(reader_, F_SETPIPE_SZ, kRoom), 0);
  }
  ~AuditLogHangTest() override { Close(); }
  void Close() {
    if (reader_ >= 0) close(std::exchange(reader_, -1));
  }

  // Writes until the pipe is full and the log hangs in it.
  void Hang(AuditLog& log) {
    while (true) {
      std::future<absl::Status> written = Write(log);
      // Long enough for a line that goes through, else one more is written.
      if (written.wait_for(std::chrono::milliseconds(100)) ==
          std::future_status::ready) {
        ASSERT_TRUE(written.get().ok());
        continue;
      }
      clock_.Advance(absl::Milliseconds(900));
      const absl::Status status = written.get();
      if (status.ok()) continue;
      ASSERT_TRUE(HasReason(status, Reason::kAuditUnavailable)) << status;
      return;
    }
  }
  // Reads what is there.
  void Read() {
    std::array<char, 65536> buffer;
    ssize_t count;
    while ((count = read(reader_, buffer.data(), buffer.size())) > 0)
      text_.append(buffer.data(), static_cast<size_t>(count));
  }

  int reader_ = -1;
  std::string text_;
};

TEST_F(AuditLogHangTest, NobodyWaitsForASinkThatHangs) {
  auto log = Open(/*queue_limit=*/10);
  Hang(*log);
  // From now on at once, and notes while there is room.
  for (int i = 0; i < 100; ++i) {
    log->Note(SampleEntry(i));
    std::future<absl::Status> refused = Write(*log);
    ASSERT_EQ(refused.wait_for(std::chrono::seconds(0)),
              std::future_status::ready);
    EXPECT_TRUE(HasReason(refused.get(), Reason::kAuditUnavailable));
  }
  EXPECT_EQ(Metric("wxident_audit_dropped_total"), 90);
  EXPECT_EQ(log->Reopen().code(), absl::StatusCode::kUnavailable);

  // Somebody reads again: the log goes on by itself.
  absl::Status status = absl::UnavailableError("");
  std::atomic<bool> over{false};
  std::thread reader([&] {
    while (!over) {
      Read();
      std::this_thread::yield();
    }
  });
  while (!status.ok()) status = Write(*log, 4711).get();
  log.reset();
  over = true;
  reader.join();
  Read();
  const AuditChain::Report report = Verify({text_});
  EXPECT_EQ(BreakOf(report), "");
  EXPECT_EQ(report.missing, 90);
  EXPECT_TRUE(absl::StrContains(text_, "request-4711"));
}

TEST_F(AuditLogHangTest, AWriteFailsWithinASecondOfRealTime) {
  auto log = AuditLog::Open({.path = path_, .key = AuditKey()}, SystemClock(),
                            metrics_)
                 .value();
  absl::Status status;
  std::chrono::steady_clock::duration took{};
  while (status.ok()) {
    const auto began = std::chrono::steady_clock::now();
    status = Write(*log).get();
    took = std::chrono::steady_clock::now() - began;
  }
  EXPECT_TRUE(HasReason(status, Reason::kAuditUnavailable)) << status;
  EXPECT_GT(took, std::chrono::milliseconds(500));
  // A second, and what a busy machine adds.
  EXPECT_LT(took, std::chrono::seconds(5));
}

TEST_F(AuditLogHangTest, DoesNotHoldTheEndUp) {
  auto log = Open();
  Hang(*log);
  log->Note(SampleEntry(1));
  // Would wait for ever.
  log.reset();
}

TEST_F(AuditLogHangTest, APipeThatNobodyReadsIsRefused) {
  Close();
  const absl::Status status =
      AuditLog::Open({.path = path_, .key = AuditKey()}, clock_, metrics_)
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(status.message(), path_)) << status;
}

TEST_F(AuditLogHangTest, AReaderThatLeavesAndComesBack) {
  auto log = Open();
  ASSERT_TRUE(Write(*log).get().ok());
  Close();
  EXPECT_TRUE(HasReason(Write(*log).get(), Reason::kAuditUnavailable));
  reader_ = open(path_.c_str(), O_RDONLY | O_NONBLOCK);
  EXPECT_TRUE(Write(*log).get().ok());
}

}  // namespace
}  // namespace wxident

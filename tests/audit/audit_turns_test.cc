// The audit log as threads use it that work in turns.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "server/audit/audit_log.h"
#include "server/base/turns.h"
#include "server/edge/event_loop.h"
#include "server/identity/error.h"
#include "tests/audit/chain_sample.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temp_folder.h"

namespace wxident {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

// Takes 10 ms from one look to the next, if it is told to.
class SteppingClock final : public Clock {
 public:
  absl::Time Now() override { return absl::FromUnixSeconds(1767323045); }
  absl::Duration Monotonic() override {
    return absl::Milliseconds(steps ? now_ms_ += 10 : now_ms_.load());
  }
  std::atomic<bool> steps{false};

 private:
  std::atomic<int64_t> now_ms_{3'600'000};
};

class AuditTurnsTest : public testing::Test {
 protected:
  AuditTurnsTest() {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
  }

  std::unique_ptr<AuditLog> Open() { return Open(clock_); }
  std::unique_ptr<AuditLog> Open(Clock& clock) {
    auto log =
        AuditLog::Open({.path = path_, .key = AuditKey()}, clock, metrics_)
            .value();
    // After this nobody writes what the log has to say of itself.
    EXPECT_TRUE(log->Reopen().ok());
    return log;
  }
  std::string Text(const std::string& suffix = "") {
    std::ifstream in(path_ + suffix, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  static bool Await(const std::function<bool()>& done) {
    const absl::Time give_up = absl::Now() + kPatience;
    while (!done()) {
      if (absl::Now() > give_up) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }
  // One turn that does this.
  void Turn(const std::function<void()>& what) {
    loop_->Defer([&] { what(); });
    ASSERT_TRUE(loop_->Turn(absl::ZeroDuration()));
  }
  // A turn with one line: how that went, if it is known at the turn's end.
  std::optional<absl::Status> WriteInATurn(AuditLog& log, int number = 0) {
    auto result = std::make_shared<std::optional<absl::Status>>();
    Turn([&] {
      log.Write(SampleEntry(number), [this, result](absl::Status status) {
        // Others may tell it later.
        if (loop_->IsCurrent()) *result = std::move(status);
      });
    });
    return *result;
  }

  FakeClock clock_;
  Metrics metrics_;
  const TempFolder folder_;
  std::string path_ = folder_.Path("audit.log");
  const std::shared_ptr<EventLoop> loop_ =
      std::make_shared<EventLoop>(SystemClock());
};

TEST_F(AuditTurnsTest, ATurnsLinesAreWrittenAtItsEnd) {
  auto log = Open();
  std::string told;
  Turn([&] {
    for (int i = 0; i < 3; ++i)
      log->Write(SampleEntry(i), [&, i](absl::Status status) {
        EXPECT_TRUE(status.ok()) << status;
        EXPECT_TRUE(loop_->IsCurrent());
        EXPECT_TRUE(absl::StrContains(Text(), "request-2"));
        absl::StrAppend(&told, i);
        loop_->Defer([&] { told += "d"; });
      });
    EXPECT_FALSE(absl::StrContains(Text(), "request-0"));
    EXPECT_EQ(told, "");
  });
  EXPECT_EQ(told, "012ddd");
  log.reset();
  EXPECT_EQ(BreakOf(Verify({Text()})), "");
}

TEST_F(AuditTurnsTest, ALineOfADoneHasTheNextTurn) {
  auto log = Open();
  int told = 0;
  Turn([&] {
    log->Write(SampleEntry(1), [&](absl::Status) {
      ++told;
      log->Write(SampleEntry(2), [&](absl::Status) { ++told; });
    });
  });
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(loop_->Turn(absl::Hours(1)));
  EXPECT_EQ(told, 2);
}

TEST_F(AuditTurnsTest, NotesGoWithTheNextLineOrSoon) {
  auto log = Open();
  Turn([&] { log->Note(SampleEntry(1)); });
  EXPECT_EQ(WriteInATurn(*log, 2), absl::OkStatus());
  EXPECT_LT(Text().find("request-1"), Text().find("request-2"));
  Turn([&] { log->Note(SampleEntry(3)); });
  EXPECT_TRUE(Await([this] { return absl::StrContains(Text(), "request-3"); }));
  log.reset();
  EXPECT_EQ(BreakOf(Verify({Text()})), "");
}

TEST_F(AuditTurnsTest, TwoLogsInOneTurn) {
  auto log = Open();
  const std::string path = std::exchange(path_, folder_.Path("other.log"));
  auto other = Open();
  int told = 0;
  Turn([&] {
    for (int i = 0; i < 4; ++i)
      (i % 2 == 0 ? log : other)
          ->Write(SampleEntry(i), [&](absl::Status status) {
            EXPECT_TRUE(status.ok());
            ++told;
          });
  });
  EXPECT_EQ(told, 4);
  other.reset();
  log.reset();
  EXPECT_EQ(Verify({Text()}).lines, 4u);
  path_ = path;
  EXPECT_EQ(Verify({Text()}).lines, 4u);
}

TEST_F(AuditTurnsTest, ALineAfterTheEndIsRefused) {
  auto log = Open();
  std::optional<absl::Status> told;
  Turn([&] {
    log->Write(SampleEntry(1), [&](absl::Status status) { told = status; });
    log->Note(SampleEntry(2));
    log.reset();
  });
  EXPECT_TRUE(HasReason(told.value(), Reason::kAuditUnavailable)) << *told;
}

// Loops, other threads and rotations, all at once.
TEST_F(AuditTurnsTest, RacersHaveNoGapsAndKeepTheirOrder) {
  constexpr int kRacers = 6;
  constexpr int kEach = 300;
  std::atomic<int> told{0};
  {
    auto log = Open(SystemClock());
    std::vector<std::thread> racers;
    for (int racer = 0; racer < kRacers; ++racer)
      racers.emplace_back([&, racer] {
        const auto loop = std::make_shared<EventLoop>(SystemClock());
        std::atomic<int> mine{0};
        const auto write = [&](int i) {
          AuditEntry entry = SampleEntry(i);
          entry.caller = absl::StrCat("racer ", racer);
          if (i % 3 == 0) return log->Note(std::move(entry));
          log->Write(std::move(entry), [&](absl::Status status) {
            EXPECT_TRUE(status.ok()) << status;
            ++told;
            // The last touch.
            if (loop->IsCurrent())
              ++mine;
            else
              loop->Post([&] { ++mine; });
          });
        };
        for (int i = 0; i < kEach; ++i) {
          // Some are loops, with turns of several lines.
          if (racer % 2 == 0) {
            loop->Defer([&, i] { write(i); });
            if (i % 4 != 3) continue;
            loop->Turn(absl::ZeroDuration());
          } else {
            write(i);
          }
          if (i == kEach / 2 && racer == 1) {
            std::filesystem::rename(path_, path_ + ".1");
            EXPECT_TRUE(log->Reopen().ok());
          }
        }
        while (mine < kEach / 3 * 2) loop->Turn(absl::Milliseconds(10));
      });
    for (std::thread& racer : racers) racer.join();
  }
  EXPECT_EQ(told, kRacers * kEach / 3 * 2);
  const AuditChain::Report report = Verify({Text(".1"), Text()});
  EXPECT_EQ(BreakOf(report), "");
  EXPECT_EQ(report.lines, kRacers * kEach + 3);
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

TEST_F(AuditTurnsTest, AfterASlowWriteTurnsDoNotWait) {
  SteppingClock clock;
  auto log = Open(clock);
  EXPECT_EQ(WriteInATurn(*log, 1), absl::OkStatus());
  clock.steps = true;
  // Nobody knows yet.
  EXPECT_EQ(WriteInATurn(*log, 2), absl::OkStatus());
  EXPECT_EQ(WriteInATurn(*log, 3), std::nullopt);
  EXPECT_TRUE(Await([this] { return absl::StrContains(Text(), "request-3"); }));
  EXPECT_EQ(WriteInATurn(*log, 4), std::nullopt);
  clock.steps = false;
  EXPECT_TRUE(Await([&] { return WriteInATurn(*log, 5) == absl::OkStatus(); }));
  log.reset();
  EXPECT_EQ(BreakOf(Verify({Text()})), "");
}

// No write goes beyond a file's first `bytes` while this lives: a full disk.
class FileLimit {
 public:
  explicit FileLimit(size_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit now = before_;
    now.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(AuditTurnsTest, AFullDiskIsToldAndOvercome) {
  auto log = Open();
  EXPECT_EQ(WriteInATurn(*log, 1), absl::OkStatus());
  {
    // The next line goes in half.
    const FileLimit full(Text().size() + 100);
    for (int i = 2; i < 5; ++i) {
      const std::optional<absl::Status> status = WriteInATurn(*log, i);
      ASSERT_TRUE(status.has_value());
      EXPECT_TRUE(HasReason(*status, Reason::kAuditUnavailable)) << *status;
    }
  }
  EXPECT_EQ(WriteInATurn(*log, 5), absl::OkStatus());
  log.reset();
  const AuditChain::Report report = Verify({Text()});
  EXPECT_EQ(BreakOf(report), "");
  // file_begun, two lines, stopped.
  EXPECT_EQ(report.lines, 4u);
  EXPECT_TRUE(
      absl::StrContains(metrics_.Text(), "\nwxident_audit_refused_total 3\n"));
}

TEST_F(AuditTurnsTest, NoTurnWaitsForAPipe) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const int reader = open(path_.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(fcntl(reader, F_SETPIPE_SZ, 4096), 0);
  auto log =
      AuditLog::Open({.path = path_, .key = AuditKey()}, clock_, metrics_)
          .value();
  std::atomic<int> written{0}, refused{0};
  // More than the pipe holds: this would not come to an end.
  for (int i = 0; i < 30; ++i)
    Turn([&] {
      log->Write(SampleEntry(i), [&](absl::Status status) {
        status.ok() ? ++written : ++refused;
      });
    });
  EXPECT_TRUE(Await([&] {
    clock_.Advance(absl::Milliseconds(100));
    return written + refused == 30;
  }));
  EXPECT_GT(refused, 0);
  log.reset();
  close(reader);
}

// A signal's handler that runs within write(2) makes a file hang.
int hang_fds[2] = {-1, -1};
std::atomic<int> hanging{0};
void Hang(int) {
  ++hanging;
  char byte;
  while (read(hang_fds[0], &byte, 1) != 1) {
  }
}

TEST_F(AuditTurnsTest, AFileThatHangsHoldsNoTurnUp) {
  ASSERT_EQ(pipe(hang_fds), 0);
  auto log = Open();
  std::thread first, next;
  loop_->WhenOvertaken(
      [&] { next = std::thread([loop = loop_] { loop->Run(); }); });
  first = std::thread([loop = loop_] { loop->Run(); });
  signal(SIGXFSZ, Hang);
  std::promise<absl::Status> told;
  {
    const FileLimit full(Text().size());
    loop_->Post([&] {
      log->Write(SampleEntry(1), [&](absl::Status status) {
        told.set_value(std::move(status));
      });
    });
    ASSERT_TRUE(Await([] { return hanging == 1; }));
  }
  std::future<absl::Status> answer = told.get_future();
  EXPECT_EQ(answer.wait_for(std::chrono::seconds(0)),
            std::future_status::timeout);
  // Another thread goes on with the loop, before anybody is refused.
  clock_.Advance(absl::Milliseconds(60));
  std::promise<std::thread::id> ran;
  loop_->Post([&] { ran.set_value(std::this_thread::get_id()); });
  EXPECT_NE(ran.get_future().get(), first.get_id());
  EXPECT_EQ(answer.wait_for(std::chrono::seconds(0)),
            std::future_status::timeout);
  // Then nobody waits for the file any more.
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(HasReason(answer.get(), Reason::kAuditUnavailable));
  std::promise<absl::Status> later;
  loop_->Post([&] {
    log->Write(SampleEntry(2), [&](absl::Status status) {
      later.set_value(std::move(status));
    });
  });
  EXPECT_TRUE(HasReason(later.get_future().get(), Reason::kAuditUnavailable));
  // The file answers again, and so does the log.
  ASSERT_EQ(write(hang_fds[1], "x", 1), 1);
  first.join();
  EXPECT_TRUE(Await([&] {
    std::promise<absl::Status> written;
    loop_->Post([&] {
      log->Write(SampleEntry(3), [&](absl::Status status) {
        written.set_value(std::move(status));
      });
    });
    return written.get_future().get().ok();
  }));
  loop_->Quit();
  next.join();
  signal(SIGXFSZ, SIG_IGN);
  log.reset();
  EXPECT_EQ(BreakOf(Verify({Text()})), "");
  EXPECT_TRUE(absl::StrContains(Text(), "request-3"));
  for (const int fd : hang_fds) close(fd);
}

}  // namespace
}  // namespace wxident

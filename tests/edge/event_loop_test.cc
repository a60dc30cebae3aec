#include "server/edge/event_loop.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "tests/base/fake_clock.h"

namespace wxident {
namespace {

TEST(EventLoopTest, TasksOfOtherThreadsRunInOrder) {
  EventLoop loop(SystemClock());
  std::vector<int> ran;
  std::thread thread([&] { loop.Run(); });
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i)
    others.emplace_back([&] {
      for (int j = 0; j < 1'000; ++j)
        loop.Post([&, j] {
          EXPECT_TRUE(loop.IsCurrent());
          ran.push_back(j);
        });
    });
  for (std::thread& other : others) other.join();
  loop.Quit();
  thread.join();
  EXPECT_EQ(ran.size(), 4'000u);
  EXPECT_FALSE(loop.IsCurrent());
}

TEST(EventLoopTest, TimersRunWhenTheyAreDue) {
  FakeClock clock;
  EventLoop loop(clock);
  std::string ran;
  const absl::Duration begin = clock.Monotonic();
  loop.RunAt(begin + absl::Seconds(2), [&] { ran += "2"; });
  loop.RunAt(begin + absl::Seconds(1), [&] { ran += "1"; });
  const EventLoop::TimerId cancelled =
      loop.RunAt(begin + absl::Seconds(1), [&] { ran += "no"; });
  loop.RunAt(begin + absl::Seconds(1), [&] { ran += "b"; });
  loop.Cancel(cancelled);
  loop.Turn(absl::ZeroDuration());
  EXPECT_EQ(ran, "");
  clock.Advance(absl::Seconds(1));
  loop.Turn(absl::ZeroDuration());
  EXPECT_EQ(ran, "1b");
  clock.Advance(absl::Seconds(5));
  loop.Turn(absl::ZeroDuration());
  EXPECT_EQ(ran, "1b2");
  EXPECT_EQ(loop.now(), begin + absl::Seconds(6));
}

TEST(EventLoopTest, ATimerWakesIt) {
  EventLoop loop(SystemClock());
  loop.RunAt(loop.now() + absl::Milliseconds(5), [&] { loop.Quit(); });
  loop.Run();
}

// What comes in quick succession it looks out for, but no longer than that.
TEST(EventLoopTest, SleepsWhereNothingComes) {
  EventLoop loop(SystemClock());
  std::promise<clockid_t> cpu_clock;
  std::thread thread([&] {
    clockid_t id;
    pthread_getcpuclockid(pthread_self(), &id);
    cpu_clock.set_value(id);
    loop.Run();
  });
  const clockid_t id = cpu_clock.get_future().get();
  const auto cpu = [id] {
    timespec used{};
    clock_gettime(id, &used);
    return absl::DurationFromTimespec(used);
  };
  for (int i = 0; i < 1'000; ++i) {
    std::promise<void> ran;
    loop.Post([&] { ran.set_value(); });
    ran.get_future().wait();
  }
  const absl::Duration before = cpu();
  absl::SleepFor(absl::Milliseconds(500));
  EXPECT_LT(cpu() - before, absl::Milliseconds(100));
  loop.Quit();
  thread.join();
}

// Tells what happened to it.
class Reader final : public EventLoop::Source {
 public:
  Reader(EventLoop& loop, int fd, std::string& log)
      : loop_(loop), fd_(fd), log_(log) {
    loop.Watch(fd, EPOLLIN, this);
  }
  ~Reader() override { log_ += "gone "; }
  void OnReady(uint32_t events) override {
    log_ += (events & EPOLLIN) != 0 ? "ready " : "end ";
    char byte;
    EXPECT_EQ(read(fd_, &byte, 1), 1);
    loop_.Defer([this] { log_ += "deferred "; });
    loop_.Unwatch(fd_);
    loop_.DeleteLater(std::unique_ptr<EventLoop::Source>(this));
  }

 private:
  EventLoop& loop_;
  const int fd_;
  std::string& log_;
};

TEST(EventLoopTest, ASourceOutlivesWhatItHasDeferred) {
  EventLoop loop(SystemClock());
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::string log;
  new Reader(loop, ends[0], log);
  loop.Turn(absl::ZeroDuration());
  EXPECT_EQ(log, "");
  ASSERT_EQ(write(ends[1], "xy", 2), 2);
  for (int i = 0; i < 3; ++i) loop.Turn(absl::ZeroDuration());
  EXPECT_EQ(log, "ready deferred gone ");
  close(ends[0]);
  close(ends[1]);
}

TEST(EventLoopTest, ATurnsEndComesAfterAllElse) {
  EventLoop loop(SystemClock());
  std::string ran;
  loop.Defer([&] {
    EXPECT_EQ(Turns::Current(), &loop);
    loop.AtEnd(
        [&] {
          // It is nobody's turn.
          EXPECT_EQ(Turns::Current(), nullptr);
          EXPECT_FALSE(loop.IsCurrent());
          ran += "work ";
        },
        [&] {
          EXPECT_TRUE(loop.IsCurrent());
          ran += "after ";
          loop.Defer([&] { ran += "deferred "; });
          loop.AtEnd([&] { ran += "next-work "; },
                     [&] { ran += "next-after "; });
        });
    loop.AtEnd([&] { ran += "work2 "; }, [&] { ran += "after2 "; });
    ran += "turn ";
  });
  EXPECT_TRUE(loop.Turn(absl::ZeroDuration()));
  EXPECT_EQ(ran, "turn work work2 after after2 deferred ");
  // Not for an hour: something waits for its end.
  EXPECT_TRUE(loop.Turn(absl::Hours(1)));
  EXPECT_EQ(ran, "turn work work2 after after2 deferred next-work next-after ");
  EXPECT_EQ(Turns::Current(), nullptr);
}

// A loop with whoever has to run it.
class OvertakenLoop {
 public:
  OvertakenLoop() {
    loop_->WhenOvertaken([this] { next_ = Start(); });
    first_ = Start();
  }
  ~OvertakenLoop() {
    loop_->Quit();
    first_.join();
    if (next_.joinable()) next_.join();
  }
  EventLoop& operator*() { return *loop_; }
  EventLoop* operator->() { return loop_.get(); }
  // Runs `task` on the loop's thread, and tells which that was.
  std::thread::id Do(std::function<void()> task) {
    std::promise<std::thread::id> ran;
    loop_->Post([&] {
      task();
      ran.set_value(std::this_thread::get_id());
    });
    return ran.get_future().get();
  }
  std::thread::id first() const { return first_.get_id(); }

 private:
  std::thread Start() {
    return std::thread([loop = loop_] { loop->Run(); });
  }

  const std::shared_ptr<EventLoop> loop_ =
      std::make_shared<EventLoop>(SystemClock());
  std::thread first_;
  std::thread next_;
};

TEST(EventLoopTest, AnEndThatHangsIsOvertaken) {
  OvertakenLoop loop;
  std::promise<void> hangs, go_on;
  std::promise<std::thread::id> after;
  loop.Do([&] {
    loop->AtEnd(
        [&] {
          hangs.set_value();
          go_on.get_future().wait();
        },
        [&] { after.set_value(std::this_thread::get_id()); });
  });
  hangs.get_future().wait();
  loop->Overtake();
  // Not a second time.
  loop->Overtake();
  const std::thread::id next = loop.Do([] {});
  EXPECT_NE(next, loop.first());
  // Other ends come and go meanwhile.
  std::promise<void> other;
  loop.Do([&] { loop->AtEnd([] {}, [&] { other.set_value(); }); });
  other.get_future().wait();
  go_on.set_value();
  EXPECT_EQ(after.get_future().get(), next);
  EXPECT_EQ(loop.Do([] {}), next);
}

TEST(EventLoopTest, NothingIsOvertakenThatDoesNotHang) {
  OvertakenLoop loop;
  loop->Overtake();
  EXPECT_EQ(loop.Do([] {}), loop.first());
  loop->Overtake();
  EXPECT_EQ(loop.Do([] {}), loop.first());
}

}  // namespace
}  // namespace wxident

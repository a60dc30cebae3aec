#include "server/front/relay.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace wxident {
namespace {

// Edges: whoever works for a connection goes on until it has to wait.
constexpr uint32_t kReadable = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr uint32_t kHangup = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

// What an event tells of: a connection's id, and which of its sockets. 0 is the
// wake-up.
uint64_t ClientData(uint64_t id) { return id << 1; }
uint64_t InnerData(uint64_t id) { return id << 1 | 1; }

}  // namespace

absl::Duration Relay::Now() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

Relay::Relay(Sink opened, Witness cut, Sink ended)
    : opened_(std::move(opened)),
      cut_(std::move(cut)),
      ended_(std::move(ended)),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  Watch(EPOLL_CTL_ADD, wake_fd_, EPOLLIN, 0);
  thread_ = std::thread([this] { Loop(); });
}

Relay::~Relay() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  eventfd_write(wake_fd_, 1);
  thread_.join();
  for (auto& [id, entry] : connections_) ended_(std::move(entry.connection));
  for (auto& connection : new_) ended_(std::move(connection));
  close(wake_fd_);
  close(epoll_fd_);
}

void Relay::Add(std::unique_ptr<Connection> connection) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    new_.push_back(std::move(connection));
  }
  eventfd_write(wake_fd_, 1);
}

void Relay::Loop() {
  std::array<epoll_event, 64> events;
  while (true) {
    int wait_ms = -1;
    if (!again_.empty())
      wait_ms = 0;
    else if (!connections_.empty())
      wait_ms = static_cast<int>(absl::ToInt64Milliseconds(
                    std::max(tick_at_ - Now(), absl::ZeroDuration()))) +
                1;
    const int count =
        epoll_wait(epoll_fd_, events.data(), events.size(), wait_ms);
    const absl::Duration now = Now();
    for (uint64_t id : std::exchange(again_, {}))
      Work(id, Connection::Side::kBoth, false, now);
    for (int i = 0; i < count; ++i) {
      const uint64_t data = events[i].data.u64;
      if (data != 0) {
        Work(data >> 1,
             data == InnerData(data >> 1) ? Connection::Side::kServer
                                          : Connection::Side::kClient,
             (events[i].events & kHangup) != 0, now);
        continue;
      }
      eventfd_t ignored;
      eventfd_read(wake_fd_, &ignored);
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (ending_) return;
      }
      TakeNew();
    }
    if (now >= tick_at_) Tick(now);
  }
}

void Relay::TakeNew() {
  std::vector<std::unique_ptr<Connection>> taken;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    taken.swap(new_);
  }
  for (auto& connection : taken) {
    const uint64_t id = ++last_id_;
    Entry& entry = connections_[id];
    entry.connection = std::move(connection);
    Watch(EPOLL_CTL_ADD, entry.connection->fd(), kReadable | EPOLLOUT,
          ClientData(id));
    if (entry.connection->inner_fd() >= 0) WatchInner(EPOLL_CTL_ADD, id);
    // It may have read more than it has passed on.
    again_.push_back(id);
  }
}

void Relay::Watch(int how, int fd, uint32_t events, uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  epoll_ctl(epoll_fd_, how, fd, &event);
}

void Relay::WatchInner(int how, uint64_t id) {
  Entry& entry = connections_[id];
  entry.waits_for_inner = entry.connection->waits_for_inner();
  Watch(how, entry.connection->inner_fd(),
        kReadable | (entry.waits_for_inner ? EPOLLOUT : 0u), InnerData(id));
}

void Relay::Work(uint64_t id, Connection::Side ready, bool hangup,
                 absl::Duration now) {
  const auto found = connections_.find(id);
  // Over since it was reported.
  if (found == connections_.end()) return;
  const Entry& entry = found->second;
  const Connection::Next next =
      entry.connection->Work(ready, hangup, scratch_, now);
  if (entry.connection->inner_fd() >= 0 &&
      entry.connection->waits_for_inner() != entry.waits_for_inner)
    WatchInner(EPOLL_CTL_MOD, id);
  After(id, next);
}

void Relay::TellOfCut(uint64_t id) {
  Entry& entry = connections_[id];
  if (entry.told_of_cut || entry.connection->cut().empty()) return;
  entry.told_of_cut = true;
  cut_(*entry.connection);
}

void Relay::After(uint64_t id, Connection::Next next) {
  TellOfCut(id);
  if (next == Connection::Next::kWait) return;
  if (next == Connection::Next::kAgain) {
    again_.push_back(id);
    return;
  }
  const auto found = connections_.find(id);
  std::unique_ptr<Connection> connection = std::move(found->second.connection);
  connections_.erase(found);
  if (next == Connection::Next::kOpen) {
    epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, connection->fd(), nullptr);
    opened_(std::move(connection));
  } else {
    ended_(std::move(connection));
  }
}

void Relay::Tick(absl::Duration now) {
  tick_at_ = now + kTick;
  std::vector<std::pair<uint64_t, Connection::Next>> due;
  for (auto& [id, entry] : connections_)
    due.emplace_back(id, entry.connection->OnTime(now));
  for (const auto& [id, next] : due) After(id, next);
}

}  // namespace wxident

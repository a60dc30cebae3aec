#include "server/edge/accept_loop.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/edge/connect_to.h"

namespace wxident {
namespace {

// What the loop handed over; closes it at the end.
class Accepted {
 public:
  ~Accepted() {
    for (int fd : fds_) close(fd);
  }
  AcceptLoop::Taker Taker() {
    return [this](int fd, const std::string& ip, int port) {
      std::lock_guard<std::mutex> lock(mutex_);
      fds_.push_back(fd);
      peers_.push_back(absl::StrCat(ip, " ", port));
      arrived_.notify_all();
    };
  }
  bool WaitFor(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    return arrived_.wait_for(lock, std::chrono::seconds(10),
                             [&] { return fds_.size() >= count; });
  }
  std::vector<std::string> peers() {
    std::lock_guard<std::mutex> lock(mutex_);
    return peers_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<int> fds_;
  std::vector<std::string> peers_;
};

TEST(AcceptLoopTest, HandsConnectionsOver) {
  Metrics metrics;
  Accepted accepted;
  auto loop = AcceptLoop::Listen("127.0.0.1:0", metrics);
  ASSERT_TRUE(loop.ok()) << loop.status();
  (*loop)->Run(accepted.Taker());
  const int a = ConnectTo((*loop)->addr());
  const int b = ConnectTo((*loop)->addr());
  EXPECT_TRUE(accepted.WaitFor(2));
  sockaddr_in own{};
  socklen_t size = sizeof(own);
  getsockname(a, reinterpret_cast<sockaddr*>(&own), &size);
  EXPECT_EQ(accepted.peers()[0],
            absl::StrCat("127.0.0.1 ", ntohs(own.sin_port)));
  close(a);
  close(b);
}

TEST(AcceptLoopTest, RefusesWhatItCannotListenOn) {
  Metrics metrics;
  auto first = AcceptLoop::Listen("127.0.0.1:0", metrics);
  ASSERT_TRUE(first.ok());
  for (const std::string& addr :
       {(*first)->addr(), std::string("127.0.0.1"), std::string("localhost:1"),
        std::string("127.0.0.1:http")}) {
    auto loop = AcceptLoop::Listen(addr, metrics);
    EXPECT_EQ(loop.status().code(), absl::StatusCode::kUnavailable) << addr;
    EXPECT_NE(loop.status().message().find(addr), absl::string_view::npos);
  }
}

TEST(AcceptLoopTest, StopsAccepting) {
  Metrics metrics;
  Accepted accepted;
  auto loop = AcceptLoop::Listen("127.0.0.1:0", metrics);
  ASSERT_TRUE(loop.ok());
  (*loop)->Run(accepted.Taker());
  (*loop)->StopAccepting();
  EXPECT_EQ(ConnectTo((*loop)->addr()), -1);
  (*loop)->Stop();
}

TEST(AcceptLoopTest, SurvivesRunningOutOfDescriptors) {
  Metrics metrics;
  Accepted accepted;
  auto loop = AcceptLoop::Listen("127.0.0.1:0", metrics);
  ASSERT_TRUE(loop.ok());
  (*loop)->Run(accepted.Taker());
  const int before = ConnectTo((*loop)->addr());
  ASSERT_TRUE(accepted.WaitFor(1));

  // This side of the connections is opened before the limit falls.
  std::vector<int> sockets;
  for (int i = 0; i < 8; ++i)
    sockets.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{3, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const sockaddr_in to = LoopbackAddress((*loop)->addr());
  for (int fd : sockets)
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
              0);
  // With no descriptor to spare nothing can be accepted, not even to refuse it.
  // What matters is that the loop is alive when there are some again.
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  const int after = ConnectTo((*loop)->addr());
  EXPECT_GE(after, 0);
  EXPECT_TRUE(accepted.WaitFor(2));
  close(before);
  close(after);
  for (int fd : sockets) close(fd);
}

}  // namespace
}  // namespace wxident

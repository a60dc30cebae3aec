#include "server/edge/handshake_pool.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/base/unique_fd.h"
#include "server/crypto/secret.h"
#include "server/edge/incoming.h"
#include "server/tls/tls_server.h"
#include "tests/tls/test_ca.h"

namespace wxident {
namespace {

TEST(HandshakePoolTest, TheOldestOfTooManyMakesRoom) {
  const TestCertificate ca = MakeTestCa();
  const TestCertificate own = MakeTestCertificate({}, &ca);
  const auto tls = *TlsServer::Create(own.pem, Secret(own.key), ca.pem);
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<int, std::string>> failed;
  std::vector<UniqueFd> clients;
  {
    HandshakePool pool(
        1, [&] { return tls; },
        {.done = [](const Incoming&) { ADD_FAILURE() << "nobody said hello"; },
         .failed =
             [&](const Incoming& incoming, const std::string& why) {
               std::lock_guard<std::mutex> lock(mutex);
               failed.emplace_back(incoming.peer->port, why);
               changed.notify_all();
             }});
    constexpr int kMore = 3;
    const int all = static_cast<int>(HandshakePool::kMostOfAThread) + kMore;
    for (int i = 0; i < all; ++i) {
      int ends[2];
      ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
      clients.emplace_back(ends[1]);
      Incoming incoming{UniqueFd(ends[0]), std::make_shared<EdgePeer>(),
                        nullptr, nullptr};
      incoming.peer->port = i;
      pool.Add(std::move(incoming));
    }
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return failed.size() >= kMore; });
    for (int i = 0; i < kMore; ++i) {
      EXPECT_EQ(failed[i].first, i);
      EXPECT_EQ(failed[i].second, "too many handshakes at once");
    }
  }
  // Each is told of once.
  EXPECT_EQ(failed.size(), clients.size());
}

}  // namespace
}  // namespace wxident

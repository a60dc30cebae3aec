#include "server/edge/peer_limiter.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

constexpr absl::Duration kStart = absl::Hours(1);

using Share = std::shared_ptr<PeerShare>;

TEST(PeerLimiterTest, BoundsAllAndEachIp) {
  PeerLimiter limiter({.connections = 5, .connections_of_an_ip = 3});
  std::vector<Share> shares;
  for (int i = 0; i < 3; ++i) {
    shares.push_back(limiter.Admit("192.0.2.1", kStart));
    ASSERT_NE(shares.back(), nullptr);
  }
  EXPECT_EQ(limiter.Admit("192.0.2.1", kStart), nullptr);
  EXPECT_NE(limiter.Admit("192.0.2.2", kStart), nullptr);
  EXPECT_NE(limiter.Admit("192.0.2.3", kStart), nullptr);
  EXPECT_EQ(limiter.Admit("192.0.2.4", kStart), nullptr);
  limiter.Leave(*shares.back());
  EXPECT_NE(limiter.Admit("192.0.2.1", kStart), nullptr);
  EXPECT_EQ(limiter.connections(), 5);
}

TEST(PeerLimiterTest, OneNetworkOfIpv6IsOnePeer) {
  PeerLimiter limiter({.connections_of_an_ip = 1});
  EXPECT_NE(limiter.Admit("2001:db8:0:1::1", kStart), nullptr);
  EXPECT_EQ(limiter.Admit("2001:db8:0:1:ffff::2", kStart), nullptr);
  EXPECT_NE(limiter.Admit("2001:db8:0:2::1", kStart), nullptr);
}

TEST(PeerLimiterTest, ThoseThereIsNoRoomForAreOne) {
  PeerLimiter limiter({.connections_of_an_ip = 1, .ips = 2});
  const Share one = limiter.Admit("192.0.2.1", kStart);
  const Share two = limiter.Admit("192.0.2.2", kStart);
  const Share three = limiter.Admit("192.0.2.3", kStart);
  ASSERT_NE(three, nullptr);
  EXPECT_EQ(limiter.Admit("192.0.2.4", kStart), nullptr);
  for (const Share& share : {one, two, three}) limiter.Leave(*share);
  EXPECT_TRUE(limiter.WaitUntilEmpty(absl::ZeroDuration()));
  // They are forgotten.
  EXPECT_NE(limiter.Admit("192.0.2.4", kStart + absl::Minutes(2)), nullptr);
  EXPECT_NE(limiter.Admit("192.0.2.5", kStart + absl::Minutes(2)), nullptr);
}

TEST(PeerLimiterTest, AViolationIsFollowedByABackoffThatDoubles) {
  PeerLimiter limiter({});
  const Share share = limiter.Admit("192.0.2.1", kStart);
  limiter.Penalize(*share, kStart);
  EXPECT_EQ(limiter.Admit("192.0.2.1", kStart), nullptr);
  EXPECT_NE(limiter.Admit("192.0.2.2", kStart), nullptr);
  absl::Duration now = kStart + PeerLimiter::kLeastBackoff;
  EXPECT_NE(limiter.Admit("192.0.2.1", now), nullptr);
  EXPECT_EQ(limiter.Admit("192.0.2.1", now), nullptr);
  limiter.Penalize(*share, now);
  EXPECT_EQ(limiter.Admit("192.0.2.1", now + PeerLimiter::kLeastBackoff),
            nullptr);
  now += 2 * PeerLimiter::kLeastBackoff;
  EXPECT_NE(limiter.Admit("192.0.2.1", now), nullptr);
  now += PeerLimiter::Limits{}.penalty;
  for (int i = 0; i < 10; ++i)
    EXPECT_NE(limiter.Admit("192.0.2.1", now), nullptr);
}

TEST(PeerLimiterTest, UnproductiveConnectionsAreFew) {
  PeerLimiter limiter({});
  const auto come = [&](absl::Duration now, bool useful) {
    const Share share = limiter.Admit("192.0.2.1", now);
    if (share == nullptr) return false;
    if (useful) ++share->useful;
    limiter.Leave(*share);
    return true;
  };
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(come(kStart, true));
  int admitted = 0;
  while (come(kStart, false)) ++admitted;
  EXPECT_EQ(admitted, PeerLimiter::Limits{}.unproductive.start);
  EXPECT_TRUE(come(kStart + absl::Seconds(1), false));
}

TEST(PeerLimiterTest, WaitsUntilAllHaveLeft) {
  PeerLimiter limiter({});
  const Share share = limiter.Admit("192.0.2.1", kStart);
  EXPECT_FALSE(limiter.WaitUntilEmpty(absl::Milliseconds(1)));
  std::thread other([&] { limiter.Leave(*share); });
  EXPECT_TRUE(limiter.WaitUntilEmpty(absl::Seconds(60)));
  other.join();
}

}  // namespace
}  // namespace wxident

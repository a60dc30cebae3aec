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

// A connection that comes and has proven to be `name`'s.
Share Proven(PeerLimiter& limiter, const std::string& name,
             absl::Duration now = kStart, const std::string& ip = "192.0.2.1") {
  const Share stranger = limiter.Admit(ip, now);
  return stranger == nullptr ? nullptr
                             : limiter.Prove(*stranger, name, false, now);
}

TEST(PeerLimiterTest, BehindOneIpNamesAreBoundedByThemselves) {
  PeerLimiter limiter({.connections = 6, .connections_of_an_ip = 2});
  const Share one = Proven(limiter, "spiffe://corp/a");
  ASSERT_NE(one, nullptr);
  EXPECT_TRUE(one->proven);
  EXPECT_EQ(Proven(limiter, "spiffe://corp/a"), one);
  EXPECT_EQ(Proven(limiter, "spiffe://corp/a"), nullptr);
  EXPECT_EQ(limiter.connections(), 2);
  const Share other = Proven(limiter, "spiffe://corp/b");
  EXPECT_NE(other, nullptr);
  EXPECT_NE(other, one);
  // The same name on another machine.
  const Share elsewhere =
      Proven(limiter, "spiffe://corp/a", kStart, "192.0.2.2");
  EXPECT_NE(elsewhere, nullptr);
  EXPECT_NE(elsewhere, one);
  // Strangers have room of their own, and all together the bound of all.
  EXPECT_NE(limiter.Admit("192.0.2.1", kStart), nullptr);
  const Share last = limiter.Admit("192.0.2.1", kStart);
  EXPECT_NE(last, nullptr);
  EXPECT_EQ(limiter.Admit("192.0.2.3", kStart), nullptr);
  // One that there is room for is not a second one when it proves its name.
  EXPECT_NE(limiter.Prove(*last, "spiffe://corp/c", false, kStart), nullptr);
  EXPECT_EQ(limiter.connections(), 6);
}

TEST(PeerLimiterTest, ANameIsPenalizedWithoutItsNeighbours) {
  PeerLimiter limiter({});
  const Share bad = Proven(limiter, "spiffe://corp/bad");
  limiter.Penalize(*bad, kStart);
  EXPECT_EQ(Proven(limiter, "spiffe://corp/bad"), nullptr);
  EXPECT_NE(Proven(limiter, "spiffe://corp/good"), nullptr);
  EXPECT_NE(Proven(limiter, "spiffe://corp/bad", kStart, "192.0.2.2"), nullptr);
  EXPECT_NE(limiter.Admit("192.0.2.1", kStart), nullptr);
  const absl::Duration later = kStart + PeerLimiter::kLeastBackoff;
  EXPECT_NE(Proven(limiter, "spiffe://corp/bad", later), nullptr);
  EXPECT_EQ(Proven(limiter, "spiffe://corp/bad", later), nullptr);
}

TEST(PeerLimiterTest, HandshakesOfANameAreItsOwnUntilTheyAreTooMany) {
  PeerLimiter limiter({});
  const double most = PeerLimiter::Limits{}.unproductive.start;
  const auto come = [&limiter](const std::string& name) {
    const Share share = Proven(limiter, name);
    if (share != nullptr) limiter.Leave(*share);
    return share != nullptr;
  };
  // Each has as many as an IP has, and none costs another one's.
  for (const char* name : {"spiffe://corp/a", "spiffe://corp/b"})
    for (int i = 0; i < most; ++i) ASSERT_TRUE(come(name)) << name << i;
  EXPECT_FALSE(come("spiffe://corp/a"));
  EXPECT_TRUE(come("spiffe://corp/c"));
  // Whoever does not stop is stopped before the handshake.
  for (int i = 0; i < most; ++i) come("spiffe://corp/a");
  EXPECT_EQ(limiter.Admit("192.0.2.1", kStart), nullptr);
  EXPECT_EQ(limiter.connections(), 0);
}

TEST(PeerLimiterTest, StrangersCannotUseUpTheRoomForNames) {
  PeerLimiter limiter({.ips = 2});
  for (int i = 0; i < 10; ++i)
    limiter.Admit(absl::StrCat("198.51.100.", i), kStart);
  const Share a = Proven(limiter, "spiffe://corp/a");
  const Share b = Proven(limiter, "spiffe://corp/b");
  const Share c = Proven(limiter, "spiffe://corp/c");
  EXPECT_NE(a, b);
  EXPECT_NE(b, c);
  EXPECT_NE(c, nullptr);
}

TEST(PeerLimiterTest, ABalancerIsBoundedByThoseItSpeaksFor) {
  PeerLimiter limiter({.connections = 100, .connections_of_an_ip = 2});
  const std::string balancer = "192.0.2.100";
  std::vector<Share> waiting;
  for (int i = 0; i < 90; ++i) {
    waiting.push_back(limiter.AdmitBalancer(balancer, kStart));
    ASSERT_NE(waiting.back(), nullptr);
  }
  const auto forward = [&](const std::string& ip) {
    Share share = limiter.Forward(*waiting.back(), ip, kStart);
    waiting.pop_back();
    return share;
  };
  const Share one = forward("203.0.113.1");
  EXPECT_NE(one, nullptr);
  EXPECT_EQ(forward("203.0.113.1"), one);
  EXPECT_EQ(forward("203.0.113.1"), nullptr);
  EXPECT_NE(forward("203.0.113.2"), nullptr);
  EXPECT_EQ(limiter.connections(), 89);
  // Behind it, too, a penalty is of who has earned it.
  limiter.Penalize(*one, kStart);
  limiter.Leave(*one);
  EXPECT_EQ(forward("203.0.113.1"), nullptr);
  EXPECT_NE(forward("203.0.113.2"), nullptr);
  while (limiter.connections() < 100)
    ASSERT_NE(limiter.AdmitBalancer(balancer, kStart), nullptr);
  EXPECT_EQ(limiter.AdmitBalancer(balancer, kStart), nullptr);
}

TEST(PeerLimiterTest, SoIsAProxyThatHasProvenItsName) {
  PeerLimiter limiter({.connections = 100, .connections_of_an_ip = 2});
  const auto come = [&limiter] {
    const Share stranger = limiter.Admit("192.0.2.1", kStart);
    return stranger == nullptr
               ? nullptr
               : limiter.Prove(*stranger, "spiffe://corp/proxy", true, kStart);
  };
  const Share share = come();
  for (int i = 1; i < 100; ++i) {
    limiter.Penalize(*share, kStart);
    ASSERT_EQ(come(), share);
  }
  EXPECT_EQ(come(), nullptr);
  limiter.Leave(*share);
  EXPECT_EQ(come(), share);
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

// Every method of both services, called by every caller for every app under
// policies made at random: exactly what the policy allows passes, and what it
// does not has no effect.

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/rpc/any_method.h"
#include "tests/rpc/ways_test.h"

namespace wxident {
namespace {

const std::vector<std::string> kApps = {kMini, kOfficial, kOrdinary};
const std::vector<std::string> kCallers = {
    "spiffe://corp/orders", "spiffe://corp/team/a", "spiffe://corp/team/b",
    "spiffe://other/orders"};
const std::vector<std::string> kPatterns = {
    "spiffe://corp/orders", "spiffe://corp/team/a", "spiffe://corp/team/*",
    "spiffe://corp/*",      "spiffe://other/*",     "spiffe://corp/nobody"};

class PolicyTest : public WaysTest {
 protected:
  // What calls change: how often WeChat was asked, and what is stored.
  std::string World() {
    int asked = 0;
    for (const char* endpoint :
         {"jscode2session", "token", "getticket", "oauth2_access_token",
          "oauth2_refresh_token", "sns_userinfo", "user_info",
          "user_info_batchget", "getuserphonenumber", "checksession"})
      asked += wechat_.calls(endpoint);
    std::lock_guard<std::mutex> lock(data_.mutex);
    size_t revoked = 0;
    size_t refreshed = 0;
    for (const auto& [hash, row] : data_.sessions) {
      revoked += row.revoked;
      refreshed += row.next_expires_at.has_value();
    }
    return absl::StrCat(
        "asked ", asked, ", users ", data_.users.size(), ", identities ",
        data_.identities.size(), ", sessions ", data_.sessions.size(),
        ", revoked ", revoked, ", refreshed ", refreshed, ", phones ",
        data_.phones.size(), ", profiles ", data_.profiles.size(), ", ring ",
        key_ring_->sealing_key_id());
  }

  AnyMethod any_{
      grpc::CreateChannel(addr_, grpc::InsecureChannelCredentials())};
};

bool Matches(const std::string& pattern, const std::string& caller) {
  if (pattern.back() != '*') return pattern == caller;
  return caller.compare(0, pattern.size() - 1, pattern, 0,
                        pattern.size() - 1) == 0;
}

// What the policy says of a call, worked out apart from the server.
bool MayCall(const Policy& policy, const std::string& caller,
             const std::string& method, const std::string& app) {
  for (const Policy::Row& row : policy.allow)
    if (Matches(row.caller, caller) && row.methods.count(method) > 0 &&
        (row.apps.empty() || row.apps.count(app) > 0))
      return true;
  return false;
}
bool MayCallAtAll(const Policy& policy, const std::string& caller,
                  const std::string& method) {
  return std::any_of(
      policy.allow.begin(), policy.allow.end(), [&](const Policy::Row& row) {
        return Matches(row.caller, caller) && row.methods.count(method) > 0;
      });
}

Policy PolicyOf(uint32_t seed) {
  std::mt19937 random(seed);
  const auto one_in = [&](uint32_t n) { return random() % n == 0; };
  Policy policy;
  for (uint32_t rows = 2 + random() % 5; rows > 0; --rows) {
    Policy::Row row{.caller = kPatterns[random() % kPatterns.size()]};
    for (const std::string& method : AllMethods())
      if (one_in(2)) row.methods.insert(method);
    if (!one_in(3)) {
      row.apps.insert(kApps[random() % kApps.size()]);
      row.apps.insert(kApps[random() % kApps.size()]);
    }
    policy.allow.push_back(row);
  }
  return policy;
}

TEST_F(PolicyTest, EveryMethodIsCalledInAWayThatSucceeds) {
  std::set<std::string> called;
  for (const Way& way : Ways()) {
    const auto* method = AnyMethod::Find(way.method);
    ASSERT_NE(method, nullptr) << way.method;
    const std::string request = way.request(way.good_app);
    const auto outcome = any_.Call("loopback", *method, request);
    EXPECT_TRUE(outcome.status.ok())
        << way.method << " " << request << ": " << ReasonOf(outcome.status)
        << " " << outcome.status.error_message();
    called.insert(way.method);
  }
  for (const auto* method : AnyMethod::Methods())
    EXPECT_EQ(called.count(method->name()), 1u)
        << method->name() << " has no request here; say how it is called";
}

TEST_F(PolicyTest, ExactlyThePolicysTriplesPass) {
  const std::string everyone = "wx9999999999999999";
  int passed = 0;
  int refused = 0;
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    const Policy policy = PolicyOf(seed);
    access_.Replace(policy);
    for (const Way& way : Ways())
      for (const std::string& caller : kCallers)
        for (const std::string& app : kApps) {
          const std::string request = way.request(app);
          const std::string before = World();
          const auto outcome =
              any_.Call(caller, *AnyMethod::Find(way.method), request);
          const std::string what = absl::StrCat(
              "policy ", seed, ", ", caller, ", ", way.method, ", ", app, ": ",
              request, " -> ", ReasonOf(outcome.status), " ", outcome.response);
          // No row names `everyone`: who may call for it may for every app.
          if (MayCall(policy, caller, way.method,
                      way.spans_apps ? everyone : app)) {
            ++passed;
            EXPECT_NE(ReasonOf(outcome.status), "CALLER_NOT_ALLOWED") << what;
            if (way.hides) {
              EXPECT_TRUE(outcome.status.ok()) << what;
              EXPECT_TRUE(absl::StrContains(outcome.response, app)) << what;
            }
            continue;
          }
          ++refused;
          EXPECT_EQ(World(), before) << what;
          if (!way.hides || !MayCallAtAll(policy, caller, way.method)) {
            EXPECT_EQ(outcome.status.error_code(),
                      grpc::StatusCode::PERMISSION_DENIED)
                << what;
            EXPECT_EQ(ReasonOf(outcome.status), "CALLER_NOT_ALLOWED") << what;
            EXPECT_EQ(outcome.response, "") << what;
          } else if (way.method == "GetUser") {
            EXPECT_EQ(ReasonOf(outcome.status), "USER_NOT_FOUND") << what;
          } else {
            EXPECT_EQ(outcome.response, R"({"users":[{}]})") << what;
          }
        }
  }
  // Neither kind is rare, or the rest says little.
  EXPECT_GT(passed, 500);
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace wxident

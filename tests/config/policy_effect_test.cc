#include "server/config/policy_effect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/policy/policy_file.h"

namespace wxident {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class PolicyEffectTest : public ::testing::Test {
 protected:
  PolicyEffectTest() { config_.admin_addr = "127.0.0.1:1"; }

  std::vector<std::string> Said(const std::string& text) {
    const absl::StatusOr<Policy> policy =
        ParsePolicyFile(text, {App{"wx00000000000000aa", AppKind::kMiniProgram,
                                   "main", Secret("s")}});
    EXPECT_TRUE(policy.ok()) << policy.status();
    return policy.ok() ? WithoutEffect(*policy, config_)
                       : std::vector<std::string>();
  }

  Config config_{};
};

constexpr char kGood[] = R"(
allow:
  - {caller: spiffe://corp/a, methods: ["*"], apps: [wx00000000000000aa]}
  - {caller: spiffe://corp/b/*, methods: [ListApps, RotateKeys], apps: ["*"]}
  - caller: spiffe://corp/c
    methods: [GetAppStatus, RefreshAccessToken, RevokeSession]
    apps: [wx00000000000000aa]
limits: [{caller: "spiffe://corp/*", rate: 1}, {caller: "*", rate: 2}]
)";

TEST_F(PolicyEffectTest, AGoodPolicySaysNothingInVain) {
  EXPECT_THAT(Said(kGood), IsEmpty());
}

TEST_F(PolicyEffectTest, WhatSpansAppsNeedsARowThatDoes) {
  EXPECT_THAT(
      Said(R"(allow:
- {caller: spiffe://corp/a, methods: ["*"], apps: ["*"]}
- caller: spiffe://corp/b
  methods: [EraseUser, ExportUser, GetAppStatus, GetKeyStatus, GetUser,
            ListApps, RotateKeys]
  apps: [wx00000000000000aa])"),
      ElementsAre("allow[1] (spiffe://corp/b) only denies: what spans all apps "
                  "needs a row with apps: [\"*\"]: EraseUser, ExportUser, "
                  "GetKeyStatus, ListApps, RotateKeys"));
}

TEST_F(PolicyEffectTest, AProxyCallsForOthersAlone) {
  config_.grpc.forwarded_by = {"spiffe://corp/gateway"};
  EXPECT_THAT(Said(kGood), IsEmpty());
  EXPECT_THAT(
      Said(R"(
allow: [{caller: spiffe://corp/gateway, methods: [Login], apps: ["*"]}]
limits: [{caller: spiffe://corp/gateway, rate: 1}])"),
      ElementsAre("allow[0] (spiffe://corp/gateway) only denies: "
                  "grpc.forwarded_by names it, and a proxy's calls are its "
                  "callers': Login",
                  "limits[0] (spiffe://corp/gateway) limits nobody: "
                  "grpc.forwarded_by names it, and a proxy's calls are its "
                  "callers'"));
}

TEST_F(PolicyEffectTest, AdminServiceNeedsItsListener) {
  config_.admin_addr = "";
  EXPECT_THAT(Said(kGood),
              ElementsAre(AllOf(StartsWith("allow[1] (spiffe://corp/b/*) only "
                                           "denies: admin.addr is not set"),
                                EndsWith(": ListApps, RotateKeys")),
                          AllOf(StartsWith("allow[2] (spiffe://corp/c) "),
                                EndsWith(": GetAppStatus, "
                                         "RefreshAccessToken"))));
}

TEST_F(PolicyEffectTest, TlsHasNoLoopback) {
  EXPECT_THAT(Said(R"(
allow:
- {caller: spiffe://corp/a, methods: [Login], apps: ["*"]}
- {caller: loopback, methods: [Login, ListApps], apps: [wx00000000000000aa]}
limits: [{caller: loopback, rate: 1}])"),
              ElementsAre(AllOf(StartsWith("allow[1] (loopback) only denies: "),
                                HasSubstr("certificate's URI"),
                                EndsWith(": ListApps, Login")),
                          StartsWith("limits[0] (loopback) limits nobody: ")));
}

TEST_F(PolicyEffectTest, PlainTextHasNothingElse) {
  config_.grpc.insecure_loopback = true;
  EXPECT_THAT(Said(R"(
allow:
- {caller: loopback, methods: [Login], apps: ["*"]}
- {caller: spiffe://corp/*, methods: [Login], apps: ["*"]}
limits: [{caller: loopback, rate: 1}, {caller: "spiffe://corp/*", rate: 1}])"),
              ElementsAre(AllOf(StartsWith("allow[1] (spiffe://corp/*) "),
                                HasSubstr("everybody is \"loopback\""),
                                EndsWith(": Login")),
                          StartsWith("limits[1] (spiffe://corp/*) ")));
}

TEST_F(PolicyEffectTest, EverySpanningMethodIsNamedAlone) {
  for (const char* method :
       {"EraseUser", "ExportUser", "GetKeyStatus", "ListApps", "RotateKeys"})
    EXPECT_THAT(Said(std::string("allow: [{caller: spiffe://corp/a, methods: "
                                 "[") +
                     method + "], apps: [wx00000000000000aa]}]"),
                ElementsAre(HasSubstr(method)));
}

}  // namespace
}  // namespace wxident

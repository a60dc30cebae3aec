#include "server/policy/policy_file.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "wxident/v1/admin_service.pb.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {
namespace {

const std::vector<App>& TestApps() {
  static const auto& apps = *new std::vector<App>{
      App{"wx00000000000000aa", AppKind::kMiniProgram, "main", Secret("s")},
      App{"wx00000000000000bb", AppKind::kOfficialAccount, "main",
          Secret("s")}};
  return apps;
}

std::set<std::string> MethodsOf(const google::protobuf::Descriptor* message) {
  std::set<std::string> names;
  const auto* service = message->file()->service(0);
  for (int m = 0; m < service->method_count(); ++m)
    names.insert(service->method(m)->name());
  return names;
}

TEST(PolicyFileTest, ReadsRowsAndLimits) {
  const absl::StatusOr<Policy> policy = ParsePolicyFile(R"(
# Who may call what.
allow:
  - caller: spiffe://corp/orders
    methods: [Login, ValidateSession, ListApps]
    apps: [wx00000000000000aa, wx00000000000000bb]
  - caller: spiffe://corp/team/*
    methods: ["*", EraseUser]
    apps: ["*"]
  - {caller: loopback, methods: [Login], apps: ["*"]}
limits:
  - caller: spiffe://corp/orders
    rate: 0.5
  - caller: spiffe://corp/team/*
    rate: 100
    burst: 250
    concurrency: 50
  - caller: loopback
    concurrency: 7
    streams: 30
  - caller: spiffe://corp/*
    rate: 20
  - caller: "*"
    streams: 40
)",
                                                        TestApps());
  ASSERT_TRUE(policy.ok()) << policy.status();
  ASSERT_EQ(policy->allow.size(), 3u);
  EXPECT_EQ(policy->allow[0].caller, "spiffe://corp/orders");
  EXPECT_EQ(policy->allow[0].methods,
            std::set<std::string>({"Login", "ValidateSession", "ListApps"}));
  EXPECT_EQ(
      policy->allow[0].apps,
      std::set<std::string>({"wx00000000000000aa", "wx00000000000000bb"}));
  std::set<std::string> all = MethodsOf(v1::LoginRequest::descriptor());
  EXPECT_EQ(all.count("EraseUser"), 0u);
  all.insert("EraseUser");
  EXPECT_EQ(policy->allow[1].methods, all);
  EXPECT_TRUE(policy->allow[1].apps.empty());
  EXPECT_EQ(policy->allow[2].caller, "loopback");

  ASSERT_EQ(policy->limits.size(), 5u);
  EXPECT_EQ(policy->limits[0].rate, 0.5);
  EXPECT_EQ(policy->limits[0].burst, 1);
  EXPECT_EQ(policy->limits[0].concurrency, 0);
  EXPECT_EQ(policy->limits[1].rate, 100);
  EXPECT_EQ(policy->limits[1].burst, 250);
  EXPECT_EQ(policy->limits[1].concurrency, 50);
  EXPECT_EQ(policy->limits[2].rate, 0);
  EXPECT_EQ(policy->limits[2].concurrency, 7);
  EXPECT_EQ(policy->limits[2].streams, 30);
  EXPECT_EQ(policy->limits[3].burst, 20);
  EXPECT_EQ(policy->limits[3].streams, Policy::Limit::kStreams);
  EXPECT_EQ(policy->limits[4].caller, "*");
  EXPECT_EQ(policy->limits[4].rate, 0);
  EXPECT_EQ(policy->limits[4].streams, 40);
}

TEST(PolicyFileTest, TheDocumentsExampleIsGood) {
  std::ifstream in("docs/policy.md");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const std::vector<std::string> parts = absl::StrSplit(text, "```");
  ASSERT_GE(parts.size(), 3u);
  ASSERT_TRUE(absl::StartsWith(parts[1], "yaml\n"));
  std::vector<App> apps;
  for (const char* id : {"wx0123456789abcdef", "wx0123456789abcde0"})
    apps.push_back(App{id, AppKind::kMiniProgram, "main", Secret("s")});
  const absl::StatusOr<Policy> policy =
      ParsePolicyFile(parts[1].substr(5), apps);
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_EQ(policy->allow.size(), 2u);
  EXPECT_EQ(policy->limits.size(), 2u);
}

TEST(PolicyFileTest, EveryMethodOfBothServicesCanBeNamed) {
  for (const auto* message :
       {v1::LoginRequest::descriptor(), v1::ListAppsRequest::descriptor()})
    for (const std::string& method : MethodsOf(message)) {
      const absl::StatusOr<Policy> policy =
          ParsePolicyFile(absl::StrCat("allow: [{caller: loopback, methods: [",
                                       method, "], apps: ['*']}]"),
                          TestApps());
      ASSERT_TRUE(policy.ok()) << policy.status();
      EXPECT_EQ(policy->allow[0].methods, std::set<std::string>({method}));
    }
}

std::string Row(const std::string& keys) {
  return absl::StrCat("allow:\n- {", keys, "}\n");
}

TEST(PolicyFileTest, NamesWhatIsWrong) {
  const std::string good =
      "allow:\n- {caller: loopback, methods: [Login], apps: ['*']}\n";
  // A file with one thing wrong; how the message begins, and what it holds.
  struct Case {
    std::string text;
    std::string where;
    std::string what;
  };
  const Case cases[] = {
      {"", "allow (not set): ", "is missing"},
      {"# nothing\n", "allow (not set): ", "is missing"},
      {"limits:\n- {caller: loopback, rate: 1}\n",
       "allow (not set): ", "is missing"},
      {"allow:\n", "allow (line 1): ", "must be a list"},
      {"allow: []\n", "allow (line 1): ", "must be a list"},
      {"allow: {caller: a}\n", "allow (line 1): ", "must be a list"},
      {"allow: [x]\n", "allow[0] (line 1): ", "must be a section"},
      {"- allow\n", "line 1: ", "sections"},
      {"allow: [\n", "line ", "is not YAML"},
      {good + "alow: []\n", "alow (line 3): ", "did you mean allow?"},
      {good + "limit: []\n", "limit (line 3): ", "did you mean limits?"},
      {good + good, "line 3: ", "stands twice"},
      {good + "limits: []\n", "limits (line 3): ", "must be a list"},
      // Rows.
      {Row("caller: loopback, methods: [Login]"),
       "allow[0].apps (line 2): ", "is missing"},
      {Row("caller: loopback, apps: ['*']"),
       "allow[0].methods (line 2): ", "is missing"},
      {Row("methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "is missing"},
      {good + "- {caller: loopback, method: [Login], methods: [Login], "
              "apps: ['*']}\n",
       "allow[1].method (line 3): ", "did you mean methods?"},
      {Row("caller: loopback, methods: [Logn], apps: ['*']"),
       "allow[0].methods (line 2): ",
       "unknown method Logn; did you mean Login?"},
      {Row("caller: loopback, methods: [login], apps: ['*']"),
       "allow[0].methods (line 2): ", "did you mean Login?"},
      {Row("caller: loopback, methods: [EraseUsers], apps: ['*']"),
       "allow[0].methods (line 2): ", "did you mean EraseUser?"},
      {Row("caller: loopback, methods: [], apps: ['*']"),
       "allow[0].methods (line 2): ", "at least one"},
      {Row("caller: loopback, methods: '*', apps: ['*']"),
       "allow[0].methods (line 2): ", "must be a list"},
      {Row("caller: loopback, methods: [~, Login], apps: ['*']"),
       "allow[0].methods (line 2): ", "must be a list of methods"},
      {Row("caller: loopback, methods: [Login, Login], apps: ['*']"),
       "allow[0].methods (line 2): ", "Login stands there twice"},
      {Row("caller: loopback, methods: ['*', Login], apps: ['*']"),
       "allow[0].methods (line 2): ", "remove one"},
      {Row("caller: loopback, methods: [*], apps: ['*']"),
       "line 2: ", "quotes"},
      {"allow:\n- caller: loopback\n  methods: [Login]\n  apps:\n"
       "  - wx00000000000000aa\n  - wx00000000000000ab\n",
       "allow[0].apps (line 6): ",
       "unknown app wx00000000000000ab; did you mean wx00000000000000aa?; it "
       "must be the app_id"},
      {Row("caller: loopback, methods: [Login], apps: []"),
       "allow[0].apps (line 2): ", "at least one"},
      {Row("caller: loopback, methods: [Login], apps: ['*', "
           "wx00000000000000aa]"),
       "allow[0].apps (line 2): ", "every app"},
      // Callers.
      {Row("caller: '', methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "must not be empty"},
      {Row("caller: , methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "must be one caller"},
      {Row("caller: [loopback], methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "must be one caller"},
      {Row("caller: orders, methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "must be the URI"},
      {Row("caller: Loopback, methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "must be the URI"},
      {Row("caller: 'spiffe://corp/or ders', methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "spaces"},
      {Row("caller: '*', methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "must be the URI"},
      {Row("caller: spiffe://corp/or*, methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "only as its end"},
      {Row("caller: spiffe://corp/*/orders, methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "only as its end"},
      {Row("caller: spiffe://corp/*/*, methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "only as its end"},
      {Row("caller: spiffe://*, methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "name the domain"},
      {Row("caller: spiffe:///*, methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "name the domain"},
      {Row("caller: spiffe:/*, methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "name the domain"},
      {Row("caller: spiffe://" + std::string(2100, 'a') +
           ", methods: [Login], apps: ['*']"),
       "allow[0].caller (line 2): ", "longer"},
      // Limits.
      {good + "limits: [x]\n", "limits[0] (line 3): ", "must be a section"},
      {good + "limits: [{rate: 1}]\n",
       "limits[0].caller (line 3): ", "is missing"},
      {good + "limits: [{caller: loopback}]\n",
       "limits[0].caller (line 3): ", "has no limit"},
      {good + "limits: [{caller: loopback, rates: 1, rate: 1}]\n",
       "limits[0].rates (line 3): ", "did you mean rate?"},
      {good + "limits: [{caller: loopback, rate: 0}]\n",
       "limits[0].rate (line 3): ", "over 0"},
      {good + "limits: [{caller: loopback, rate: -1}]\n",
       "limits[0].rate (line 3): ", "over 0"},
      {good + "limits: [{caller: loopback, rate: nan}]\n",
       "limits[0].rate (line 3): ", "over 0"},
      {good + "limits: [{caller: loopback, rate: inf}]\n",
       "limits[0].rate (line 3): ", "over 0"},
      {good + "limits: [{caller: loopback, rate: 1000001}]\n",
       "limits[0].rate (line 3): ", "1000000"},
      {good + "limits: [{caller: loopback, rate: 10/s}]\n",
       "limits[0].rate (line 3): ", "a number"},
      {good + "limits: [{caller: loopback, rate: [1]}]\n",
       "limits[0].rate (line 3): ", "a number"},
      {good + "limits: [{caller: loopback, rate: }]\n",
       "limits[0].rate (line 3): ", "a number"},
      {good + "limits: [{caller: loopback, rate: 1, burst: 0}]\n",
       "limits[0].burst (line 3): ", "a whole number"},
      {good + "limits: [{caller: loopback, rate: 1, burst: 1.5}]\n",
       "limits[0].burst (line 3): ", "a whole number"},
      {good + "limits: [{caller: loopback, concurrency: 1, burst: 2}]\n",
       "limits[0].burst (line 3): ", "needs rate"},
      {good + "limits: [{caller: loopback, streams: 0}]\n",
       "limits[0].streams (line 3): ", "a whole number"},
      {good + "limits: [{caller: loopback, concurrency: 0}]\n",
       "limits[0].concurrency (line 3): ", "a whole number"},
      {good + "limits:\n- {caller: loopback, rate: 1}\n"
              "- {caller: loopback, rate: 2}\n",
       "limits[1].caller (line 5): ", "limits[0] fits it"},
      {good + "limits:\n- {caller: \"*\", rate: 1}\n"
              "- {caller: loopback, rate: 1}\n",
       "limits[1].caller (line 5): ", "limits[0] fits it"},
      {good + "limits:\n- {caller: spiffe://a/*, rate: 1}\n"
              "- {caller: spiffe://a/b/*, rate: 2}\n",
       "limits[1].caller (line 5): ", "limits[0] fits it"},
      {good + "limits:\n- {caller: loopback, rate: 1}\n"
              "- {caller: spiffe://a/*, rate: 1}\n"
              "- {caller: spiffe://a/b, rate: 2}\n",
       "limits[2].caller (line 6): ", "limits[1] fits it"},
  };
  for (const Case& bad : cases) {
    const absl::StatusOr<Policy> policy = ParsePolicyFile(bad.text, TestApps());
    ASSERT_TRUE(absl::IsInvalidArgument(policy.status()))
        << policy.status() << "\n"
        << bad.text;
    const std::string message(policy.status().message());
    EXPECT_TRUE(absl::StartsWith(message, bad.where)) << message << "\n"
                                                      << bad.text;
    EXPECT_TRUE(absl::StrContains(message, bad.what)) << message << "\n"
                                                      << bad.text;
    EXPECT_FALSE(absl::StrContains(message, '\n')) << message;
  }
}

TEST(PolicyFileTest, NamesAllMistakesAtOnce) {
  const absl::StatusOr<Policy> policy = ParsePolicyFile(R"(
allow:
  - caller: orders
    methods: [Logn, GetUsr]
    apps: [wx1]
limit: []
limits:
  - caller: loopback
    rate: 0
)",
                                                        TestApps());
  const std::vector<std::string> lines =
      absl::StrSplit(policy.status().message(), '\n');
  ASSERT_EQ(lines.size(), 6u) << policy.status();
  const char* begins[] = {"allow[0].caller (line 3)",
                          "allow[0].methods (line 4)",
                          "allow[0].methods (line 4)",
                          "allow[0].apps (line 5)",
                          "limit (line 6)",
                          "limits[0].rate (line 9)"};
  for (size_t i = 0; i < lines.size(); ++i)
    EXPECT_TRUE(absl::StartsWith(lines[i], begins[i])) << lines[i];
}

TEST(PolicyFileTest, AFileHasAtMostAThousandRows) {
  std::string text = "allow:\n";
  for (int i = 0; i < 1000; ++i)
    absl::StrAppend(&text, "- {caller: 'spiffe://corp/", i,
                    "', methods: [Login], apps: ['*']}\n");
  EXPECT_TRUE(ParsePolicyFile(text, TestApps()).ok());
  absl::StrAppend(&text,
                  "- {caller: loopback, methods: [Login], apps: ['*']}\n");
  EXPECT_FALSE(ParsePolicyFile(text, TestApps()).ok());
}

TEST(PolicyFileTest, WhatIsShownOfTheFileIsShortAndPlain) {
  const absl::StatusOr<Policy> policy =
      ParsePolicyFile(absl::StrCat("allow: [{caller: loopback, methods: [",
                                   std::string(200, 'x'), "], apps: ['*']}]"),
                      TestApps());
  EXPECT_FALSE(policy.ok());
  EXPECT_FALSE(
      absl::StrContains(policy.status().message(), std::string(65, 'x')));
}

}  // namespace
}  // namespace wxident

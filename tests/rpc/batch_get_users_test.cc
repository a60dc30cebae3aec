// BatchGetUsers: each thing asked for is answered by itself, also with
// refresh_followers.

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "server/identity/error.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kBatch[] = "user_info_batchget";

class BatchGetUsersTest : public ServiceTest {
 protected:
  void Follow(const std::string& openid, const std::string& unionid,
              const std::string& remark = "a friend") {
    FetchedProfile told;
    told.openid = openid;
    told.unionid = unionid;
    told.profile.remark = remark;
    told.profile.source = ProfileSource::kFollower;
    told.profile.fetched_at = clock_.Now();
    wechat_.SetFollower(told);
  }

  static std::string Ask(const std::vector<std::string>& refs) {
    std::string list;
    for (const std::string& ref : refs) list += (list.empty() ? "" : ",") + ref;
    return "{\"refresh_followers\":true,\"identity_refs\":[" + list + "]}";
  }
  v1::BatchGetUsersResponse Refresh(const std::vector<std::string>& refs) {
    return Answer(&Identity::BatchGetUsers, Ask(refs));
  }
  std::string StoredRemark(const std::string& openid) {
    return Answer(&Identity::GetUserInfo,
                  "{\"identity_ref\":" + Ref(kOfficial, openid) +
                      ",\"stored\":{}}")
        .user_info()
        .remark();
  }
};

TEST_F(BatchGetUsersTest, AHundredFollowersWithOneCall) {
  std::vector<std::string> refs;
  for (int i = 0; i < 150; ++i) {
    const std::string openid = "o_" + std::to_string(i);
    LogInOnTheWeb(openid, "snsapi_base");
    Follow(openid, "u_" + std::to_string(i), "r_" + std::to_string(i));
    refs.push_back(Ref(kOfficial, openid));
  }
  const v1::BatchGetUsersResponse found = Refresh(refs);
  const auto batches = wechat_.batches();
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].size(), 100u);
  EXPECT_EQ(batches[1].size(), 50u);
  ASSERT_EQ(found.users_size(), 150);
  for (int i = 0; i < 150; ++i) {
    const std::string number = std::to_string(i);
    ASSERT_EQ(found.users(i).identities_size(), 1) << i;
    EXPECT_EQ(found.users(i).identities(0).openid(), "o_" + number);
    EXPECT_EQ(found.users(i).identities(0).unionid(), "u_" + number);
    EXPECT_EQ(StoredRemark("o_" + number), "r_" + number);
  }
  EXPECT_EQ(wechat_.calls("user_info"), 0);
}

TEST_F(BatchGetUsersTest, WithoutBeingAskedToItAsksWechatNothing) {
  LogInOnTheWeb("o_alice");
  Follow("o_alice", "u_alice");
  const auto found =
      Answer(&Identity::BatchGetUsers,
             "{\"identity_refs\":[" + Ref(kOfficial, "o_alice") + "]}");
  EXPECT_EQ(found.users(0).identities(0).unionid(), "");
  EXPECT_EQ(wechat_.calls(kBatch), 0);
}

TEST_F(BatchGetUsersTest, OnlyKnownPeopleOfOfficialAccountsAreAskedAbout) {
  LogIn("o_mini");
  LogInOnTheWeb("o_site", "snsapi_login", kWebsite);
  LogInOnTheWeb("o_alice");
  LogInOnTheWeb("o_bob", "snsapi_base", kOrdinary);
  for (const char* openid : {"o_mini", "o_site", "o_alice", "o_nobody"})
    Follow(openid, std::string("u") + openid);
  Follow("o_bob", "u_bob");
  const auto found =
      Refresh({Ref(kMini, "o_mini"), Ref(kOfficial, "o_alice"),
               Ref(kOfficial, "o_nobody"), Ref(kOrdinary, "o_bob"),
               Ref(kWebsite, "o_site"), Ref(kOfficial, "o_alice"),
               // Another app's openid, which WeChat would not take.
               Ref(kOfficial, "o_bob")});
  EXPECT_THAT(wechat_.batches(),
              testing::UnorderedElementsAre(ElementsAre("o_alice"),
                                            ElementsAre("o_bob")));
  ASSERT_EQ(found.users_size(), 7);
  EXPECT_EQ(found.users(0).identities(0).unionid(), "");
  EXPECT_EQ(found.users(1).identities(0).unionid(), "uo_alice");
  EXPECT_FALSE(found.users(2).found());
  EXPECT_EQ(found.users(3).identities(0).unionid(), "u_bob");
  EXPECT_EQ(found.users(4).identities(0).unionid(), "");
  EXPECT_EQ(found.users(5).user().user_id(), found.users(1).user().user_id());
  EXPECT_FALSE(found.users(6).found());
  // With nobody to ask about, there is no need of a token either.
  const int tokens = wechat_.fetches();
  EXPECT_EQ(
      Refresh({Ref(kMini, "o_mini"), Ref(kOfficial, "o_nobody")}).users_size(),
      2);
  EXPECT_EQ(Answer(&Identity::BatchGetUsers, R"({"refresh_followers":true})")
                .users_size(),
            0);
  EXPECT_EQ(wechat_.fetches(), tokens);
  EXPECT_EQ(wechat_.calls(kBatch), 2);
}

TEST_F(BatchGetUsersTest, WhoFollowsNoMoreKeepsTheStoredProfileAndUnionid) {
  LogInOnTheWeb("o_alice");
  LogInOnTheWeb("o_bob");
  Follow("o_alice", "u_alice", "then");
  Follow("o_bob", "u_bob", "then");
  const std::vector<std::string> refs = {Ref(kOfficial, "o_alice"),
                                         Ref(kOfficial, "o_bob")};
  Refresh(refs);
  wechat_.Unfollow("o_alice");
  clock_.Advance(absl::Minutes(1));
  // A unionid that is not told is not lost.
  Follow("o_bob", "", "now");
  const auto found = Refresh(refs);
  EXPECT_EQ(found.users(0).identities(0).unionid(), "u_alice");
  EXPECT_EQ(found.users(1).identities(0).unionid(), "u_bob");
  EXPECT_EQ(StoredRemark("o_alice"), "then");
  EXPECT_EQ(StoredRemark("o_bob"), "now");
}

TEST_F(BatchGetUsersTest, ARefusedTokenIsReplacedOnce) {
  LogInOnTheWeb("o_alice");
  Follow("o_alice", "u_alice");
  wechat_.RefuseToken("token_1");
  EXPECT_EQ(
      Refresh({Ref(kOfficial, "o_alice")}).users(0).identities(0).unionid(),
      "u_alice");
  EXPECT_EQ(wechat_.calls(kBatch), 2);
  EXPECT_THAT(wechat_.used_tokens(), ElementsAre("token_1", "token_2"));
}

TEST_F(BatchGetUsersTest, OneThatWechatRefusesFailsAlone) {
  std::vector<std::string> refs;
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i);
    LogInOnTheWeb("o_" + number, "snsapi_base");
    Follow("o_" + number, "u_" + number, "r_" + number);
    refs.push_back(Ref(kOfficial, "o_" + number));
  }
  for (const char* stale : {"o_0", "o_50", "o_99"})
    wechat_.DisownFollower(stale);
  const v1::BatchGetUsersResponse found = Refresh(refs);
  ASSERT_EQ(found.users_size(), 100);
  for (int i = 0; i < 100; ++i) {
    const bool stale = i == 0 || i == 50 || i == 99;
    const std::string number = std::to_string(i);
    const v1::FoundUser& one = found.users(i);
    // What is stored is answered in either case.
    ASSERT_TRUE(one.found()) << i;
    EXPECT_EQ(one.identities(0).openid(), "o_" + number);
    EXPECT_EQ(one.has_error(), stale) << i;
    EXPECT_EQ(one.identities(0).unionid(), stale ? "" : "u_" + number);
    if (!stale) {
      EXPECT_EQ(StoredRemark("o_" + number), "r_" + number);
      continue;
    }
    EXPECT_EQ(one.error().reason(), "REQUEST_INVALID");
    EXPECT_EQ(one.error().errcode(), "40003");
    EXPECT_FALSE(one.error().message().empty());
  }
  // 100, and two for each half that was split.
  EXPECT_LE(wechat_.calls(kBatch), 1 + 3 * 2 * 7);
}

TEST_F(BatchGetUsersTest, TheSearchForTheRefusedIsBounded) {
  std::vector<std::string> refs;
  for (int i = 0; i < 200; ++i) {
    const std::string openid = "o_" + std::to_string(1000 + i);
    LogInOnTheWeb(openid, "snsapi_base");
    Follow(openid, "u_" + openid);
    // Each of the first hundred.
    if (i < 100) wechat_.DisownFollower(openid);
    refs.push_back(Ref(kOfficial, openid));
  }
  const v1::BatchGetUsersResponse found = Refresh(refs);
  EXPECT_EQ(wechat_.calls(kBatch), 2 + 2 * 50);
  int together = 0;
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(found.users(i).has_error(), i < 100) << i;
    EXPECT_EQ(found.users(i).identities(0).unionid().empty(), i < 100) << i;
    if (i >= 100) continue;
    EXPECT_EQ(found.users(i).error().errcode(), "40003") << i;
    together += absl::StrContains(found.users(i).error().message(), "together");
  }
  EXPECT_GT(together, 0);
  EXPECT_LT(together, 100);
}

TEST_F(BatchGetUsersTest, AnErrorOfOneAppIsNotTheOthers) {
  LogInOnTheWeb("o_alice");
  Follow("o_alice", "u_alice");
  LogInOnTheWeb("o_bob", "snsapi_base", kOrdinary);
  Follow("o_bob", "u_bob");
  wechat_.FailNextAt("token", Error(Reason::kAppMisconfigured, "secret")
                                  .With("errcode", "40125")
                                  .ToStatus());
  const auto found =
      Refresh({Ref(kOfficial, "o_alice"), Ref(kOrdinary, "o_bob")});
  ASSERT_EQ(found.users_size(), 2);
  // Whichever app came first.
  const int failed = found.users(0).has_error() ? 0 : 1;
  EXPECT_EQ(found.users(failed).error().reason(), "APP_MISCONFIGURED");
  EXPECT_EQ(found.users(failed).error().errcode(), "40125");
  EXPECT_EQ(found.users(failed).identities(0).unionid(), "");
  EXPECT_FALSE(found.users(1 - failed).has_error());
  EXPECT_NE(found.users(1 - failed).identities(0).unionid(), "");
}

TEST_F(BatchGetUsersTest, WhatWechatDoesNotAnswerFailsAndTheRestGoesOn) {
  std::vector<std::string> refs;
  for (int i = 100; i < 250; ++i) {
    const std::string openid = "o_" + std::to_string(i);
    LogInOnTheWeb(openid, "snsapi_base");
    Follow(openid, "", "r");
    refs.push_back(Ref(kOfficial, openid));
  }
  wechat_.FailNextAt(kBatch,
                     Error(Reason::kWechatUnreachable, "open").ToStatus());
  const v1::BatchGetUsersResponse found = Refresh(refs);
  for (int i = 0; i < 150; ++i)
    EXPECT_EQ(found.users(i).error().reason(),
              i < 100 ? "WECHAT_UNREACHABLE" : "")
        << i;
  EXPECT_EQ(StoredRemark("o_249"), "r");
  EXPECT_EQ(Refusal(&Identity::GetUserInfo,
                    "{\"identity_ref\":" + Ref(kOfficial, "o_100") +
                        ",\"stored\":{}}"),
            "PROFILE_NOT_FOUND");
  // The store's failure is the whole call's.
  profiles_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_EQ(Refusal(&Identity::BatchGetUsers, Ask(refs)), "STORE_UNAVAILABLE");
}

TEST_F(BatchGetUsersTest, WhatIsWrongWithOneIsItsOwnError) {
  LogIn("o_mini");
  const std::string user_id =
      Answer(&Identity::GetUser,
             "{\"identity_ref\":" + Ref(kMini, "o_mini") + "}")
          .user()
          .user_id();
  const auto by_ref =
      Answer(&Identity::BatchGetUsers,
             "{\"identity_refs\":[" + Ref("wx9999999999999999", "o_mini") +
                 "," + Ref(kMini, "o_mini") + "," + Ref(kMini, "a space") +
                 "," + Ref("", "o_mini") + "," + Ref(kMini, "") + "," +
                 Ref(kMini, "o_nobody") + "]}");
  ASSERT_EQ(by_ref.users_size(), 6);
  EXPECT_EQ(by_ref.users(0).error().reason(), "APP_UNKNOWN");
  EXPECT_TRUE(by_ref.users(1).found());
  EXPECT_FALSE(by_ref.users(1).has_error());
  for (const auto& [at, field] : {std::pair{2, "identity_refs[2].openid"},
                                  {3, "identity_refs[3].app_id"},
                                  {4, "identity_refs[4].openid"}}) {
    EXPECT_EQ(by_ref.users(at).error().reason(), "REQUEST_INVALID") << at;
    EXPECT_THAT(by_ref.users(at).error().message(), HasSubstr(field));
    EXPECT_FALSE(by_ref.users(at).found());
  }
  EXPECT_FALSE(by_ref.users(5).found());
  EXPECT_FALSE(by_ref.users(5).has_error());

  const auto by_id = Answer(&Identity::BatchGetUsers,
                            "{\"user_ids\":[\"7\",\"" + user_id + "\"]}");
  ASSERT_EQ(by_id.users_size(), 2);
  EXPECT_EQ(by_id.users(0).error().reason(), "REQUEST_INVALID");
  EXPECT_TRUE(by_id.users(1).found());
  // Nothing that could be looked up.
  EXPECT_EQ(Answer(&Identity::BatchGetUsers, R"({"user_ids":["7"]})")
                .users(0)
                .error()
                .reason(),
            "REQUEST_INVALID");
}

TEST_F(BatchGetUsersTest, WhoIsErasedMeanwhileIsNoError) {
  const std::string user_id = LogInOnTheWeb("o_alice").user().user_id();
  LogInOnTheWeb("o_bob");
  Follow("o_alice", "u_alice");
  Follow("o_bob", "u_bob");
  Answer(&Identity::GetAccessToken, "{" + Text("app_id", kOfficial) + "}");
  wechat_.Hold();
  v1::BatchGetUsersResponse found;
  std::thread caller([&] {
    found = Refresh({Ref(kOfficial, "o_alice"), Ref(kOfficial, "o_bob")});
  });
  while (wechat_.calls(kBatch) == 0) std::this_thread::yield();
  Answer(&Admin::EraseUser, "{" + Text("user_id", user_id) + "}");
  wechat_.Release();
  caller.join();
  ASSERT_EQ(found.users_size(), 2);
  EXPECT_FALSE(found.users(0).found());
  EXPECT_EQ(found.users(1).identities(0).unionid(), "u_bob");
}

TEST_F(BatchGetUsersTest, UserIdsHaveNoFollowers) {
  ExpectFieldError(&Identity::BatchGetUsers,
                   R"({"refresh_followers":true,)"
                   R"("user_ids":["01a1fded-d577-7b50-a853-a4fcd5cba19a"]})",
                   "refresh_followers");
  EXPECT_EQ(wechat_.calls(kBatch), 0);
}

}  // namespace
}  // namespace wxident

// BatchGetUsers with refresh_followers.

#include <string>
#include <thread>
#include <vector>

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

TEST_F(BatchGetUsersTest, AnOpenidThatWechatDoesNotKnowIsExplained) {
  LogInOnTheWeb("o_alice");
  LogInOnTheWeb("o_bob");
  wechat_.FailNextAt(kBatch, Error(Reason::kRequestInvalid, "no")
                                 .With("errcode", "40003")
                                 .With("rid", "a-rid")
                                 .ToStatus());
  v1::BatchGetUsersResponse response;
  const grpc::Status status = CallJson(
      &Identity::BatchGetUsers,
      Ask({Ref(kOfficial, "o_alice"), Ref(kOfficial, "o_bob")}), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("2 openids"));
  EXPECT_THAT(status.error_message(), HasSubstr(kOfficial));
  const auto info = DetailOf<google::rpc::ErrorInfo>(status);
  EXPECT_EQ(info.reason(), "REQUEST_INVALID");
  EXPECT_EQ(info.metadata().at("errcode"), "40003");
  EXPECT_EQ(info.metadata().at("rid"), "a-rid");
  const auto bad = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_EQ(bad.field_violations_size(), 1);
  EXPECT_EQ(bad.field_violations(0).field(), "identity_refs");
}

TEST_F(BatchGetUsersTest, AnErrorEndsItAndWhatWasLearnedStays) {
  std::vector<std::string> refs;
  for (int i = 100; i < 250; ++i) {
    const std::string openid = "o_" + std::to_string(i);
    LogInOnTheWeb(openid, "snsapi_base");
    Follow(openid, "", "r");
    refs.push_back(Ref(kOfficial, openid));
  }
  wechat_.FailNextAt(kBatch, absl::OkStatus());
  wechat_.FailNextAt(kBatch,
                     Error(Reason::kWechatUnreachable, "open").ToStatus());
  EXPECT_EQ(Refusal(&Identity::BatchGetUsers, Ask(refs)), "WECHAT_UNREACHABLE");
  EXPECT_EQ(StoredRemark("o_100"), "r");
  EXPECT_EQ(Refusal(&Identity::GetUserInfo,
                    "{\"identity_ref\":" + Ref(kOfficial, "o_249") +
                        ",\"stored\":{}}"),
            "PROFILE_NOT_FOUND");
  profiles_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_EQ(Refusal(&Identity::BatchGetUsers, Ask(refs)), "STORE_UNAVAILABLE");
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

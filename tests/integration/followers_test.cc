// Followers of an official account, through real processes.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

constexpr char kInfo[] = "/cgi-bin/user/info";
constexpr char kBatch[] = "/cgi-bin/user/info/batchget";
constexpr char kToken[] = "/cgi-bin/stable_token";

class FollowersTest : public testing::Test {
 protected:
  FollowersTest() : server_(world_) {}
  ~FollowersTest() override { EXPECT_EQ(server_.Stop(), 0); }

  Simulator& sim() { return world_.sim(); }

  grpc::Status Ask(const v1::LoginResponse& login,
                   v1::GetUserInfoResponse* response) {
    v1::GetUserInfoRequest request;
    request.set_session_token(login.session_token());
    request.mutable_follower();
    response->Clear();
    return server_.stub().GetUserInfo(Within().get(), request, response);
  }

  void Follow(const std::string& user, nlohmann::json fields = {}) {
    nlohmann::json ask = {
        {"app_id", kOfficialAccount}, {"user", user}, {"subscribe", true}};
    if (!fields.is_null()) ask.update(fields);
    sim().Call("followers", ask);
  }

  v1::LoginResponse BaseLogin(const std::string& user) {
    v1::LoginResponse login;
    const grpc::Status status = OauthLogin(
        server_.stub(), sim().OauthCode(kOfficialAccount, user, "snsapi_base"),
        &login, kOfficialAccount);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return login;
  }

  grpc::Status Refresh(const std::vector<v1::LoginResponse>& logins,
                       v1::BatchGetUsersResponse* response) {
    v1::BatchGetUsersRequest request;
    for (const v1::LoginResponse& login : logins) {
      v1::IdentityRef& ref = *request.add_identity_refs();
      ref.set_app_id(login.identity().app_id());
      ref.set_openid(login.identity().openid());
    }
    request.set_refresh_followers(true);
    response->Clear();
    return server_.stub().BatchGetUsers(Within().get(), request, response);
  }

  v1::UserInfo Stored(const v1::LoginResponse& login) {
    v1::GetUserInfoRequest ask;
    ask.set_session_token(login.session_token());
    ask.mutable_stored();
    v1::GetUserInfoResponse stored;
    const grpc::Status status =
        server_.stub().GetUserInfo(Within().get(), ask, &stored);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return stored.user_info();
  }

  World world_;
  Wxidentd server_;
};

TEST_F(FollowersTest, EveryFieldComes) {
  Follow("ann", {{"subscribe_scene", "ADD_SCENE_QR_CODE"},
                 {"qr_scene", 98765},
                 {"qr_scene_str", "poster"},
                 {"remark", "a regular"},
                 {"groupid", 3},
                 {"tagid_list", {128, 2}}});
  const v1::LoginResponse login = BaseLogin("ann");
  v1::GetUserInfoResponse answer;
  const grpc::Status status = Ask(login, &answer);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const v1::UserInfo& info = answer.user_info();
  EXPECT_TRUE(info.subscribe());
  EXPECT_GT(info.subscribe_time().seconds(), 0);
  EXPECT_EQ(info.subscribe_scene(), "ADD_SCENE_QR_CODE");
  EXPECT_EQ(info.qr_scene(), 98765);
  EXPECT_EQ(info.qr_scene_str(), "poster");
  EXPECT_EQ(info.remark(), "a regular");
  EXPECT_EQ(info.group_id(), 3);
  ASSERT_EQ(info.tag_ids_size(), 2);
  EXPECT_EQ(info.tag_ids(0), 128);
  EXPECT_EQ(info.tag_ids(1), 2);
  EXPECT_EQ(answer.source(), v1::USER_INFO_SOURCE_FOLLOWER);
}

TEST_F(FollowersTest, TheUnionidThatCameLinksThePerson) {
  Follow("bob");
  const v1::LoginResponse mini = LogIn(world_, server_, "bob", kMiniProgram);
  const v1::LoginResponse silent = BaseLogin("bob");
  ASSERT_TRUE(silent.identity().unionid().empty());
  EXPECT_NE(silent.user().user_id(), mini.user().user_id());
  v1::GetUserInfoResponse answer;
  ASSERT_TRUE(Ask(silent, &answer).ok());
  EXPECT_EQ(answer.identity().unionid(), mini.identity().unionid());
  // The older user is the one that stays.
  EXPECT_EQ(answer.user().user_id(), mini.user().user_id());
  v1::GetUserRequest ask;
  ask.set_user_id(silent.user().user_id());
  v1::GetUserResponse user;
  ASSERT_TRUE(server_.stub().GetUser(Within().get(), ask, &user).ok());
  EXPECT_EQ(user.user().user_id(), mini.user().user_id());
  EXPECT_EQ(user.identities_size(), 2);
  EXPECT_TRUE(IsActive(server_, silent.session_token()));
  EXPECT_EQ(world_.Orphans(), 0);
}

TEST_F(FollowersTest, WhoDoesNotFollowKeepsWhatIsStored) {
  Follow("cy", {{"remark", "kept"}});
  const v1::LoginResponse login = BaseLogin("cy");
  v1::GetUserInfoResponse answer;
  ASSERT_TRUE(Ask(login, &answer).ok());
  const std::string unionid = answer.identity().unionid();
  EXPECT_FALSE(unionid.empty());

  sim().Call(
      "followers",
      {{"app_id", kOfficialAccount}, {"user", "cy"}, {"subscribe", false}});
  const grpc::Status status = Ask(login, &answer);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_FALSE(answer.user_info().subscribe());
  EXPECT_TRUE(answer.user_info().remark().empty());
  EXPECT_EQ(answer.identity().unionid(), unionid);

  v1::GetUserInfoRequest ask;
  ask.set_session_token(login.session_token());
  ask.mutable_stored();
  v1::GetUserInfoResponse stored;
  ASSERT_TRUE(server_.stub().GetUserInfo(Within().get(), ask, &stored).ok());
  EXPECT_EQ(stored.user_info().remark(), "kept");
  EXPECT_EQ(stored.identity().unionid(), unionid);
}

TEST_F(FollowersTest, ADeadTokenIsRepairedOnceForAll) {
  Follow("dan");
  const v1::LoginResponse login = BaseLogin("dan");
  v1::GetUserInfoResponse answer;
  ASSERT_TRUE(Ask(login, &answer).ok());
  ASSERT_EQ(sim().Calls(kToken), 1);
  // Its end comes at WeChat before this server's clock says so.
  sim().Advance(absl::Seconds(7201));
  const int infos = sim().Calls(kInfo);
  std::vector<std::thread> callers;
  for (int i = 0; i < 16; ++i)
    callers.emplace_back([&] {
      v1::GetUserInfoResponse mine;
      const grpc::Status status = Ask(login, &mine);
      EXPECT_TRUE(status.ok()) << status.error_message();
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sim().Calls(kToken), 2);
  // Each caller asked once, and those that had the dead token once more.
  EXPECT_LE(sim().Calls(kInfo) - infos, 32);
  EXPECT_GT(sim().Calls(kInfo) - infos, 16);
}

TEST_F(FollowersTest, ATokenThatStaysRefusedIsNotTriedForever) {
  Follow("eli");
  const v1::LoginResponse login = BaseLogin("eli");
  sim().Fault({{"path", kInfo}, {"errcode", 40001}});
  v1::GetUserInfoResponse answer;
  EXPECT_FALSE(Ask(login, &answer).ok());
  EXPECT_EQ(sim().Calls(kInfo), 2);
  sim().ClearFaults();
  EXPECT_TRUE(Ask(login, &answer).ok());
}

TEST_F(FollowersTest, OnlyOfficialAccountsHaveFollowers) {
  const v1::LoginResponse login = LogIn(world_, server_, "flo", kWebsite);
  v1::GetUserInfoResponse answer;
  const grpc::Status status = Ask(login, &answer);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "REQUEST_INVALID");
  EXPECT_EQ(sim().Calls(kInfo), 0);
}

TEST_F(FollowersTest, ManyAreBroughtUpToDateWithFewCalls) {
  constexpr int kPeople = 150;
  std::vector<v1::LoginResponse> logins;
  for (int i = 0; i < kPeople; ++i) {
    const std::string user = absl::StrCat("person", i);
    Follow(user, {{"remark", absl::StrCat("remark ", i)}});
    logins.push_back(BaseLogin(user));
    ASSERT_TRUE(logins.back().identity().unionid().empty());
  }
  // One of them also has the mini program, as another user so far.
  const v1::LoginResponse mini =
      LogIn(world_, server_, "person120", kMiniProgram);
  ASSERT_NE(mini.user().user_id(), logins[120].user().user_id());
  ASSERT_FALSE(mini.identity().unionid().empty());

  v1::BatchGetUsersResponse found;
  const grpc::Status status = Refresh(logins, &found);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(sim().Calls(kBatch), 2);
  EXPECT_EQ(sim().Calls(kInfo), 0);
  ASSERT_EQ(found.users_size(), kPeople);
  for (int i = 0; i < kPeople; ++i) {
    ASSERT_TRUE(found.users(i).found()) << i;
    EXPECT_EQ(found.users(i).user().user_id(), logins[i].user().user_id());
    EXPECT_FALSE(found.users(i).identities(0).unionid().empty()) << i;
    EXPECT_EQ(Stored(logins[i]).remark(), absl::StrCat("remark ", i));
  }
  // Now that the unionid is known, the two are one.
  ASSERT_EQ(found.users(120).identities_size(), 2);
  EXPECT_EQ(found.users(120).identities(1).app_id(), kMiniProgram);
  v1::GetUserRequest ask;
  ask.set_user_id(mini.user().user_id());
  v1::GetUserResponse user;
  ASSERT_TRUE(server_.stub().GetUser(Within().get(), ask, &user).ok());
  EXPECT_EQ(user.user().user_id(), logins[120].user().user_id());
  EXPECT_TRUE(IsActive(server_, mini.session_token()));
  EXPECT_EQ(world_.Orphans(), 0);
}

TEST_F(FollowersTest, OfManyWhoDoesNotFollowKeepsWhatIsStored) {
  std::vector<v1::LoginResponse> logins;
  for (const char* user : {"gus", "hal"}) {
    Follow(user, {{"remark", "then"}});
    logins.push_back(BaseLogin(user));
  }
  // A person of another app is looked up beside them.
  logins.push_back(LogIn(world_, server_, "ida", kWebsite));
  v1::BatchGetUsersResponse found;
  ASSERT_TRUE(Refresh(logins, &found).ok());
  const std::string unionid = found.users(0).identities(0).unionid();
  EXPECT_FALSE(unionid.empty());

  sim().Call(
      "followers",
      {{"app_id", kOfficialAccount}, {"user", "gus"}, {"subscribe", false}});
  Follow("hal", {{"remark", "now"}});
  // Twice the same person.
  logins.push_back(logins[0]);
  const grpc::Status status = Refresh(logins, &found);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(found.users_size(), 4);
  EXPECT_EQ(found.users(0).identities(0).unionid(), unionid);
  EXPECT_EQ(found.users(3).user().user_id(), found.users(0).user().user_id());
  EXPECT_EQ(found.users(2).identities(0).app_id(), kWebsite);
  EXPECT_EQ(Stored(logins[0]).remark(), "then");
  EXPECT_EQ(Stored(logins[1]).remark(), "now");
  EXPECT_EQ(sim().Calls(kBatch), 2);
}

TEST_F(FollowersTest, AnOpenidThatWechatNoLongerTakesFailsAlone) {
  std::vector<v1::LoginResponse> logins;
  for (int i = 0; i < 100; ++i) {
    const std::string user = absl::StrCat("one", i);
    Follow(user, {{"remark", "here"}});
    logins.push_back(BaseLogin(user));
  }
  // The account has moved, and this person not with it: WeChat knows the
  // openid no more.
  v1::LoginResponse& gone = logins[61];
  sim().Call("users", {{"app_id", kOfficialAccount},
                       {"user", "one61"},
                       {"openid", "oAnother00000000000000000000"}});
  v1::BatchGetUsersResponse found;
  const grpc::Status status = Refresh(logins, &found);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(found.users_size(), 100);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(found.users(i).found()) << i;
    EXPECT_EQ(found.users(i).has_error(), i == 61) << i;
    EXPECT_EQ(found.users(i).identities(0).unionid().empty(), i == 61) << i;
  }
  const v1::ItemError& error = found.users(61).error();
  EXPECT_EQ(error.reason(), "REQUEST_INVALID");
  EXPECT_EQ(error.errcode(), "40003");
  EXPECT_EQ(error.message().find(gone.identity().openid()), std::string::npos);
  // All, and two for each of the 7 halvings of a hundred.
  EXPECT_LE(sim().Calls(kBatch), 15);
  EXPECT_EQ(Stored(logins[62]).remark(), "here");
}

TEST_F(FollowersTest, ARefThatCannotBeAnsweredFailsAlone) {
  const v1::LoginResponse login = BaseLogin("kim");
  v1::BatchGetUsersRequest request;
  for (const auto& [app_id, openid] :
       {std::pair{std::string("wx00000000000000e5"), std::string("o1")},
        {login.identity().app_id(), login.identity().openid()},
        {login.identity().app_id(), std::string("no openid")}}) {
    v1::IdentityRef& ref = *request.add_identity_refs();
    ref.set_app_id(app_id);
    ref.set_openid(openid);
  }
  v1::BatchGetUsersResponse found;
  const grpc::Status status =
      server_.stub().BatchGetUsers(Within().get(), request, &found);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(found.users_size(), 3);
  EXPECT_EQ(found.users(0).error().reason(), "APP_UNKNOWN");
  EXPECT_EQ(found.users(1).user().user_id(), login.user().user_id());
  EXPECT_FALSE(found.users(1).has_error());
  EXPECT_EQ(found.users(2).error().reason(), "REQUEST_INVALID");
}

}  // namespace
}  // namespace wxident

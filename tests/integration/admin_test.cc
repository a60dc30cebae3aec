// Forgetting and exporting a person, through real processes.

#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

class AdminTest : public testing::Test {
 protected:
  AdminTest() : server_(world_) {}
  ~AdminTest() override { EXPECT_EQ(server_.Stop(), 0); }

  // Somebody of whom everything is stored that can be: two identities, a
  // profile, a phone, a grant, and a merged user's id.
  struct Person {
    v1::LoginResponse mini;
    v1::LoginResponse account;
    // Before it turned out who it is.
    std::string old_user_id;
  };
  Person MakePerson(const std::string& user) {
    Simulator& sim = world_.sim();
    sim.Call("users", {{"app_id", kMiniProgram},
                       {"user", user},
                       {"phone", "13580006666"},
                       {"profile", {{"nickName", "Ann"}}}});
    sim.Call("followers", {{"app_id", kOfficialAccount},
                           {"user", user},
                           {"subscribe", true},
                           {"remark", "a regular"}});
    Person person;
    person.mini = LogIn(world_, server_, user);
    EXPECT_TRUE(OauthLogin(server_.stub(),
                           sim.OauthCode(kOfficialAccount, user, "snsapi_base"),
                           &person.account, kOfficialAccount)
                    .ok());
    person.old_user_id = person.account.user().user_id();
    v1::GetUserInfoRequest follower;
    follower.set_session_token(person.account.session_token());
    follower.mutable_follower();
    v1::GetUserInfoResponse info;
    EXPECT_TRUE(
        server_.stub().GetUserInfo(Within().get(), follower, &info).ok());
    v1::DecryptPhoneRequest phone;
    phone.set_session_token(person.mini.session_token());
    phone.set_phone_code(
        sim.Call("phone_code", {{"app_id", kMiniProgram}, {"user", user}})
            .at("code")
            .get<std::string>());
    v1::DecryptPhoneResponse opened;
    EXPECT_TRUE(
        server_.stub().DecryptPhone(Within().get(), phone, &opened).ok());
    return person;
  }

  grpc::Status Erase(const std::string& user_id,
                     v1::EraseUserResponse* response) {
    v1::EraseUserRequest request;
    request.set_user_id(user_id);
    return server_.admin().EraseUser(Within().get(), request, response);
  }

  grpc::Status Export(const std::string& user_id,
                      v1::ExportUserResponse* response) {
    v1::ExportUserRequest request;
    request.set_user_id(user_id);
    return server_.admin().ExportUser(Within().get(), request, response);
  }

  World world_;
  Wxidentd server_;
};

TEST_F(AdminTest, AnExportHoldsWhatIsStored) {
  const Person person = MakePerson("ann");
  const std::string user_id = person.mini.user().user_id();
  ASSERT_NE(person.old_user_id, user_id);
  v1::ExportUserResponse all;
  const grpc::Status status = Export(person.old_user_id, &all);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(all.user().user_id(), user_id);
  EXPECT_TRUE(all.user().phone_linked());
  ASSERT_EQ(all.merged_user_ids_size(), 1);
  EXPECT_EQ(all.merged_user_ids(0), person.old_user_id);
  ASSERT_EQ(all.identities_size(), 2);
  const v1::ExportedIdentity& mini = all.identities(0);
  EXPECT_EQ(mini.identity().openid(), person.mini.identity().openid());
  EXPECT_EQ(mini.phone().phone_number(), "13580006666");
  ASSERT_EQ(mini.sessions_size(), 1);
  EXPECT_EQ(mini.session_count(), 1);
  EXPECT_EQ(mini.sessions(0).expire_time().seconds(),
            person.mini.expire_time().seconds());
  const v1::ExportedIdentity& account = all.identities(1);
  EXPECT_EQ(account.identity().openid(), person.account.identity().openid());
  EXPECT_EQ(account.user_info().remark(), "a regular");
  // No way in is shown.
  const std::string text = all.DebugString();
  EXPECT_EQ(text.find("wxs1_"), std::string::npos);
}

TEST_F(AdminTest, AnErasedPersonIsGoneAndComesBackAsSomebodyNew) {
  const Person person = MakePerson("ann");
  const Person other = MakePerson("bob");
  const std::string user_id = person.mini.user().user_id();
  v1::EraseUserResponse erased;
  const grpc::Status status = Erase(person.old_user_id, &erased);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(erased.user_id(), user_id);
  EXPECT_EQ(erased.erased_identities(), 2);
  EXPECT_EQ(erased.revoked_sessions(), 2);

  for (const v1::LoginResponse* login : {&person.mini, &person.account}) {
    EXPECT_FALSE(IsActive(server_, login->session_token(), true));
    EXPECT_FALSE(IsActive(server_, login->session_token(), false));
    for (const char* table : {"identities", "sessions", "session_keys",
                              "profiles", "phones", "oauth_grants"})
      EXPECT_EQ(world_.Count(absl::StrCat("SELECT count(*) FROM ", table,
                                          " WHERE openid = '",
                                          login->identity().openid(), "'")),
                0)
          << table;
  }
  EXPECT_EQ(world_.Count(
                absl::StrCat("SELECT count(*) FROM union_ids WHERE unionid = '",
                             person.mini.identity().unionid(), "'")),
            0);
  EXPECT_EQ(world_.Count(absl::StrCat(
                "SELECT count(*) FROM user_forwards WHERE user_id = '",
                person.old_user_id, "'")),
            0);
  EXPECT_EQ(world_.Count("SELECT count(*) FROM user_events WHERE "
                         "kind = 'erased'"),
            1);
  EXPECT_EQ(world_.Orphans(), 0);

  v1::ExportUserResponse none;
  EXPECT_EQ(ReasonOf(Export(user_id, &none)), "USER_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Erase(user_id, &erased)), "USER_NOT_FOUND");
  EXPECT_TRUE(IsActive(server_, other.mini.session_token()));

  const v1::LoginResponse back = LogIn(world_, server_, "ann");
  EXPECT_TRUE(back.new_user());
  EXPECT_NE(back.user().user_id(), user_id);
  EXPECT_FALSE(back.user().phone_linked());
}

TEST_F(AdminTest, IsNotServedWhereCallersAre) {
  auto stub = v1::AdminService::NewStub(
      grpc::CreateChannel(server_.addr(), grpc::InsecureChannelCredentials()));
  v1::ExportUserRequest request;
  request.set_user_id("00000000-0000-7000-8000-000000000000");
  v1::ExportUserResponse response;
  EXPECT_EQ(stub->ExportUser(Within().get(), request, &response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace wxident

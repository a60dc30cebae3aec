#include "server/rpc/admin_service.h"

#include <string>

#include "server/identity/error.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

constexpr char kNobody[] = "01a1fded-d577-7b50-a853-a4fcd5cba19a";

class AdminServiceTest : public ServiceTest {
 protected:
  std::string UserId(const std::string& openid) {
    return Answer(&Identity::GetUser,
                  "{\"identity_ref\":" + Ref(kMini, openid) + "}")
        .user()
        .user_id();
  }
  bool Active(const std::string& token) {
    return Answer(&Identity::ValidateSession,
                  "{" + Text("session_token", token) + "}")
        .active();
  }
};

TEST_F(AdminServiceTest, BadFieldsAreNamed) {
  ExpectFieldError(&Admin::EraseUser, "{}", "subject");
  ExpectFieldError(&Admin::EraseUser, R"({"user_id":"7"})", "user_id");
  ExpectFieldError(&Admin::EraseUser,
                   "{\"identity_ref\":" + Ref(kMini, "a b") + "}",
                   "identity_ref.openid");
  ExpectFieldError(&Admin::ExportUser, "{}", "user_id");
  EXPECT_EQ(
      Refusal(&Admin::EraseUser, "{\"identity_ref\":" + Ref("wx0", "o") + "}"),
      "APP_UNKNOWN");
}

TEST_F(AdminServiceTest, AnErasedUserIsGone) {
  const std::string token = LogIn("o_alice");
  LogIn("o_alice");
  const std::string user_id = UserId("o_alice");
  const auto erased =
      Answer(&Admin::EraseUser, "{" + Text("user_id", user_id) + "}");
  EXPECT_EQ(erased.user_id(), user_id);
  EXPECT_EQ(erased.erased_identities(), 1);
  EXPECT_EQ(erased.revoked_sessions(), 2);
  EXPECT_EQ(Refusal(&Identity::GetUser, "{" + Text("user_id", user_id) + "}"),
            "USER_NOT_FOUND");
  EXPECT_EQ(Refusal(&Admin::EraseUser, "{" + Text("user_id", user_id) + "}"),
            "USER_NOT_FOUND");
  LogIn("o_alice");
  EXPECT_NE(UserId("o_alice"), user_id);
}

TEST_F(AdminServiceTest, MemoryForgetsTheErased) {
  wechat_.AddCode("code", {"o_alice", "", Secret(kSessionKey)});
  const std::string login = "{" + Text("app_id", kMini) + "," +
                            Text("mini_program_code", "code") + "}";
  const std::string token = Answer(&Identity::Login, login).session_token();
  EXPECT_TRUE(Active(token));
  Answer(&Admin::EraseUser, "{\"identity_ref\":" + Ref(kMini, "o_alice") + "}");
  EXPECT_FALSE(Active(token));
  EXPECT_EQ(Refusal(&Identity::Login, login), "LOGIN_CODE_CONSUMED");
}

TEST_F(AdminServiceTest, AStoreThatIsDownIsNotANo) {
  LogIn("o_alice");
  const std::string user = "{" + Text("user_id", UserId("o_alice")) + "}";
  identities_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_EQ(Refusal(&Admin::EraseUser, user), "STORE_UNAVAILABLE");
  EXPECT_EQ(Refusal(&Admin::ExportUser, user), "STORE_UNAVAILABLE");
}

TEST_F(AdminServiceTest, AnExportHasAllThatIsKnown) {
  const std::string token = LogIn("o_alice");
  wechat_.AddPhoneCode("phone", "o_alice",
                       {.phone_number = Secret("13912345678"),
                        .pure_phone_number = Secret("13912345678"),
                        .country_code = "86",
                        .watermark_time = clock_.Now()});
  Answer(&Identity::DecryptPhone, "{" + Text("session_token", token) + "," +
                                      Text("phone_code", "phone") + "}");
  Answer(&Identity::GetUserInfo,
         "{" + Text("session_token", token) + ",\"encrypted_profile\":{" +
             Text("encrypted_data",
                  Encrypt(R"({"openId":"o_alice","nickName":"Alice",)" +
                          Watermark() + "}")) +
             "," + Text("iv", Iv()) + "}}");
  const std::string user_id = UserId("o_alice");
  const auto exported =
      Answer(&Admin::ExportUser, "{" + Text("user_id", user_id) + "}");
  EXPECT_EQ(exported.user().user_id(), user_id);
  EXPECT_TRUE(exported.user().phone_linked());
  ASSERT_EQ(exported.identities_size(), 1);
  const v1::ExportedIdentity& identity = exported.identities(0);
  EXPECT_EQ(identity.identity().openid(), "o_alice");
  EXPECT_EQ(identity.create_time().seconds(),
            absl::ToUnixSeconds(clock_.Now()));
  EXPECT_EQ(identity.user_info().nickname(), "Alice");
  EXPECT_EQ(identity.phone().phone_number(), "13912345678");
  ASSERT_EQ(identity.sessions_size(), 1);
  EXPECT_EQ(identity.sessions(0).expire_time().seconds(),
            absl::ToUnixSeconds(clock_.Now() + absl::Hours(24)));
  EXPECT_EQ(exported.SerializeAsString().find(token), std::string::npos);
  EXPECT_EQ(exported.SerializeAsString().find(kSessionKey), std::string::npos);
}

TEST_F(AdminServiceTest, AnExportOfNobodyIsNotFound) {
  EXPECT_EQ(Refusal(&Admin::ExportUser, "{" + Text("user_id", kNobody) + "}"),
            "USER_NOT_FOUND");
}

}  // namespace
}  // namespace wxident

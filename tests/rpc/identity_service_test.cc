#include "server/rpc/identity_service.h"

#include <string>
#include <vector>

#include "server/identity/error.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

using Stub = v1::IdentityService::Stub;

class IdentityServiceTest : public ServiceTest {};

TEST_F(IdentityServiceTest, BadFieldsAreNamed) {
  const std::string mini = std::string("\"app_id\":\"") + kMini + "\"";
  const std::string long_text(3000, 'a');
  ExpectFieldError(&Stub::Login, "{}", "app_id");
  ExpectFieldError(&Stub::Login, "{" + mini + "}", "credential");
  ExpectFieldError(&Stub::Login, "{" + mini + ",\"mini_program_code\":\"\"}",
                   "mini_program_code");
  ExpectFieldError(&Stub::Login, "{" + mini + ",\"mini_program_code\":\"a b\"}",
                   "mini_program_code");
  ExpectFieldError(&Stub::Login,
                   "{" + mini + ",\"mini_program_code\":\"" + long_text + "\"}",
                   "mini_program_code");
  ExpectFieldError(&Stub::Login,
                   "{\"app_id\":\"" + std::string(kOfficial) +
                       "\",\"mini_program_code\":\"a\"}",
                   "mini_program_code");
  for (const char* ttl : {"0s", "-5s", "0.5s"})
    ExpectFieldError(&Stub::Login,
                     "{" + mini + ",\"mini_program_code\":\"a\"," +
                         "\"session_ttl\":\"" + ttl + "\"}",
                     "session_ttl");
  ExpectFieldError(&Stub::ValidateSession, "{}", "session_token");
  ExpectFieldError(&Stub::ValidateSession,
                   "{\"session_token\":\"" + long_text + "\"}",
                   "session_token");
  ExpectFieldError(&Stub::RevokeSession, "{}", "target");
  ExpectFieldError(&Stub::RevokeSession, "{\"user_id\":\"7\"}", "user_id");
  ExpectFieldError(&Stub::RevokeSession, "{\"session_token\":\"\"}",
                   "session_token");
  ExpectFieldError(&Stub::DecryptPhone, "{}", "session_token");
  ExpectFieldError(&Stub::DecryptPhone, "{\"session_token\":\"a\"}", "source");
  ExpectFieldError(&Stub::DecryptPhone,
                   "{\"session_token\":\"a\",\"encrypted\":{}}",
                   "encrypted.encrypted_data");
  ExpectFieldError(
      &Stub::DecryptPhone,
      "{\"session_token\":\"a\",\"encrypted\":{\"encrypted_data\":\"a+ b\"}}",
      "encrypted.encrypted_data");
  ExpectFieldError(&Stub::DecryptPhone,
                   "{\"session_token\":\"a\",\"encrypted\":{\"encrypted_data\":"
                   "\"AAAA\",\"iv\":\"AAAA\"}}",
                   "encrypted.iv");
  ExpectFieldError(&Stub::GetUserInfo, "{}", "source");
  ExpectFieldError(&Stub::GetUserInfo, "{\"stored\":{}}", "subject");
  ExpectFieldError(&Stub::GetUserInfo, "{\"stored\":{},\"language\":\"de\"}",
                   "language");
  ExpectFieldError(&Stub::GetUserInfo,
                   "{\"encrypted_profile\":{},\"identity_ref\":{}}", "subject");
  ExpectFieldError(&Stub::GetUserInfo,
                   "{\"stored\":{},\"identity_ref\":{" + mini + "}}",
                   "identity_ref.openid");
  ExpectFieldError(
      &Stub::GetUserInfo,
      "{\"session_token\":\"a\",\"encrypted_profile\":{\"encrypted_data\":"
      "\"AAAA\",\"iv\":\"" +
          Iv() + "\",\"raw_data\":\"{}\"}}",
      "encrypted_profile.signature");
  ExpectFieldError(&Stub::GetAccessToken, "{}", "app_id");
  ExpectFieldError(
      &Stub::GetAccessToken,
      "{" + mini + ",\"rejected_access_token\":\"" + long_text + "\"}",
      "rejected_access_token");
  ExpectFieldError(&Stub::GetUser, "{}", "subject");
  ExpectFieldError(&Stub::GetUser,
                   "{\"user_id\":\"01A1FDED-D577-7B50-A853-A4FCD5CBA19A\"}",
                   "user_id");
  ExpectFieldError(&Stub::GetUser,
                   "{\"union_ref\":{" + mini + ",\"unionid\":\"'; --\"}}",
                   "union_ref.unionid");
}

TEST_F(IdentityServiceTest, AnUnknownAppIsSaid) {
  v1::LoginResponse response;
  const grpc::Status status = CallJson(
      &Stub::Login,
      "{\"app_id\":\"wx9999999999999999\",\"mini_program_code\":\"a\"}",
      &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "APP_UNKNOWN");
  EXPECT_EQ(
      DetailOf<google::rpc::BadRequest>(status).field_violations(0).field(),
      "app_id");
}

TEST_F(IdentityServiceTest, SessionTtlIsTheDefaultOrTheAskedOneUpToTheMost) {
  struct Case {
    const char* asked;
    absl::Duration given;
  };
  int number = 0;
  for (const Case& c : {Case{"", absl::Hours(24)},
                        {"3600s", absl::Hours(1)},
                        {"1s", absl::Seconds(1)},
                        {"315576000000s", absl::Hours(48)}}) {
    const std::string code = "ttl" + std::to_string(++number);
    wechat_.AddCode(code, {"o_ttl", "", Secret(kSessionKey)});
    std::string json = std::string("{\"app_id\":\"") + kMini +
                       "\",\"mini_program_code\":\"" + code + "\"";
    if (*c.asked != '\0')
      json += std::string(",\"session_ttl\":\"") + c.asked + "\"";
    v1::LoginResponse response;
    ASSERT_TRUE(CallJson(&Stub::Login, json + "}", &response).ok());
    EXPECT_EQ(
        absl::FromUnixSeconds(response.expire_time().seconds()),
        absl::FromUnixSeconds(absl::ToUnixSeconds(clock_.Now())) + c.given);
  }
}

TEST_F(IdentityServiceTest, WhatIsNoTokenOfOursIsNotActive) {
  for (const char* token : {"x", "wxs1_", "' OR 1=1", "null"}) {
    v1::ValidateSessionRequest request;
    request.set_session_token(token);
    v1::ValidateSessionResponse response;
    ASSERT_TRUE(Call(&Stub::ValidateSession, request, &response).ok());
    EXPECT_FALSE(response.active());
    EXPECT_FALSE(response.has_session());
  }
}

TEST_F(IdentityServiceTest, ADownStoreIsNeverAnInactiveSession) {
  const std::string token = LogIn();
  sessions_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  v1::ValidateSessionRequest request;
  request.set_session_token(token);
  v1::ValidateSessionResponse response;
  const grpc::Status status = Call(&Stub::ValidateSession, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "STORE_UNAVAILABLE");
}

TEST_F(IdentityServiceTest, EveryRejectionOfEncryptedDataIsOneAnswer) {
  const std::string token = LogIn();
  const std::string good =
      R"({"phoneNumber":"13912345678","purePhoneNumber":"13912345678",)"
      R"("countryCode":"86",)" +
      Watermark() + "}";
  std::string broken = *Base64Decode(Encrypt(good));
  broken.back() = static_cast<char>(broken.back() ^ 1);
  const std::vector<std::string> bad = {
      Base64Encode(broken),
      Base64Encode(broken.substr(0, broken.size() - 1)),
      Encrypt("not json"),
      Encrypt("{}"),
      Encrypt(R"({"phoneNumber":"1","purePhoneNumber":"1","countryCode":"86",)"
              R"("watermark":{"appid":"wx00000000000000bb","timestamp":1}})"),
      Encrypt(R"({"phoneNumber":"1","purePhoneNumber":"1","countryCode":"86",)"
              R"("watermark":{"appid":"wx00000000000000aa","timestamp":1}})"),
      Encrypt("{" + Watermark() + "}"),
  };
  std::string first;
  for (const std::string& data : bad) {
    // So that none is one too many within a minute.
    clock_.Advance(absl::Seconds(15));
    v1::DecryptPhoneRequest request;
    request.set_session_token(token);
    request.mutable_encrypted()->set_encrypted_data(data);
    request.mutable_encrypted()->set_iv(Iv());
    v1::DecryptPhoneResponse response;
    const grpc::Status status = Call(&Stub::DecryptPhone, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(ReasonOf(status), "DECRYPT_REJECTED");
    const std::string all = status.error_message() + status.error_details();
    if (first.empty()) first = all;
    EXPECT_EQ(all, first);
  }
  v1::DecryptPhoneRequest request;
  request.set_session_token(token);
  request.mutable_encrypted()->set_encrypted_data(Encrypt(good));
  request.mutable_encrypted()->set_iv(Iv());
  v1::DecryptPhoneResponse response;
  EXPECT_TRUE(Call(&Stub::DecryptPhone, request, &response).ok());
  EXPECT_EQ(data_.phones.size(), 1u);
}

TEST_F(IdentityServiceTest, APhoneIsNotAnsweredBeforeItIsStored) {
  const std::string token = LogIn();
  profiles_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  v1::DecryptPhoneRequest request;
  request.set_session_token(token);
  request.mutable_encrypted()->set_encrypted_data(
      Encrypt(R"({"phoneNumber":"139","purePhoneNumber":"139",)"
              R"("countryCode":"86",)" +
              Watermark() + "}"));
  request.mutable_encrypted()->set_iv(Iv());
  v1::DecryptPhoneResponse response;
  EXPECT_EQ(ReasonOf(Call(&Stub::DecryptPhone, request, &response)),
            "STORE_UNAVAILABLE");
}

TEST_F(IdentityServiceTest, AnEncryptedProfileIsStoredAndLinksItsUnionid) {
  const std::string token = LogIn();
  v1::GetUserInfoRequest request;
  request.set_session_token(token);
  request.mutable_encrypted_profile()->set_encrypted_data(
      Encrypt(R"({"openId":"o_alice","nickName":"Alice","gender":2,)"
              R"("language":"en","city":"","province":"","country":"",)"
              R"("avatarUrl":"https://a/b","unionId":"u_alice",)" +
              Watermark() + "}"));
  request.mutable_encrypted_profile()->set_iv(Iv());
  v1::GetUserInfoResponse response;
  const grpc::Status status = Call(&Stub::GetUserInfo, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.user_info().nickname(), "Alice");
  EXPECT_EQ(response.identity().unionid(), "u_alice");

  v1::GetUserRequest ask;
  ask.mutable_union_ref()->set_app_id(kOfficial);
  ask.mutable_union_ref()->set_unionid("u_alice");
  v1::GetUserResponse user;
  ASSERT_TRUE(Call(&Stub::GetUser, ask, &user).ok());
  EXPECT_EQ(user.user().user_id(), response.user().user_id());

  v1::GetUserInfoRequest stored;
  stored.set_session_token(token);
  stored.mutable_stored();
  v1::GetUserInfoResponse again;
  ASSERT_TRUE(Call(&Stub::GetUserInfo, stored, &again).ok());
  EXPECT_EQ(again.SerializeAsString(), response.SerializeAsString());
}

TEST_F(IdentityServiceTest, AProfileUnderAWrongSignatureIsRejected) {
  const std::string token = LogIn();
  v1::GetUserInfoRequest request;
  request.set_session_token(token);
  auto* profile = request.mutable_encrypted_profile();
  profile->set_encrypted_data(
      Encrypt(R"({"openId":"o_alice","nickName":"Alice","gender":2,)" +
              Watermark() + "}"));
  profile->set_iv(Iv());
  profile->set_raw_data("{}");
  profile->set_signature(std::string(40, '0'));
  v1::GetUserInfoResponse response;
  EXPECT_EQ(ReasonOf(Call(&Stub::GetUserInfo, request, &response)),
            "DECRYPT_REJECTED");
  EXPECT_TRUE(data_.profiles.empty());
}

TEST_F(IdentityServiceTest, WhatIsNotThereIsSaidApart) {
  const std::string token = LogIn();
  v1::GetUserInfoRequest request;
  request.set_session_token(token);
  request.mutable_stored();
  v1::GetUserInfoResponse response;
  EXPECT_EQ(ReasonOf(Call(&Stub::GetUserInfo, request, &response)),
            "PROFILE_NOT_FOUND");
  request.mutable_identity_ref()->set_app_id(kMini);
  request.mutable_identity_ref()->set_openid("o_nobody");
  EXPECT_EQ(ReasonOf(Call(&Stub::GetUserInfo, request, &response)),
            "USER_NOT_FOUND");
  request.set_session_token("wxs1_nobody");
  EXPECT_EQ(ReasonOf(Call(&Stub::GetUserInfo, request, &response)),
            "SESSION_NOT_ACTIVE");
  v1::GetUserRequest ask;
  ask.set_user_id("01a1fded-d577-7b50-a853-a4fcd5cba19a");
  v1::GetUserResponse user;
  const grpc::Status status = Call(&Stub::GetUser, ask, &user);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "USER_NOT_FOUND");
}

TEST_F(IdentityServiceTest, LogoutEverywhereEndsEverySession) {
  const std::string first = LogIn();
  const std::string second = LogIn();
  v1::GetUserRequest ask;
  ask.mutable_identity_ref()->set_app_id(kMini);
  ask.mutable_identity_ref()->set_openid("o_alice");
  v1::GetUserResponse user;
  ASSERT_TRUE(Call(&Stub::GetUser, ask, &user).ok());
  v1::RevokeSessionRequest request;
  request.set_user_id(user.user().user_id());
  v1::RevokeSessionResponse response;
  ASSERT_TRUE(Call(&Stub::RevokeSession, request, &response).ok());
  EXPECT_EQ(response.revoked_count(), 2);
  for (const std::string& token : {first, second}) {
    v1::ValidateSessionRequest validate;
    validate.set_session_token(token);
    v1::ValidateSessionResponse answer;
    ASSERT_TRUE(Call(&Stub::ValidateSession, validate, &answer).ok());
    EXPECT_FALSE(answer.active());
  }
}

TEST_F(IdentityServiceTest, ALimitTellsHowLongToWait) {
  wechat_.FailNext(Error(Reason::kWechatRateLimited, "slow down")
                       .With("errcode", "45011")
                       .RetryAfter(absl::Milliseconds(1500))
                       .ToStatus());
  v1::LoginResponse response;
  const grpc::Status status = CallJson(
      &Stub::Login,
      std::string("{\"app_id\":\"") + kMini + "\",\"mini_program_code\":\"a\"}",
      &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const auto retry = DetailOf<google::rpc::RetryInfo>(status);
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).metadata().at("errcode"),
            "45011");
}

TEST_F(IdentityServiceTest, BadFieldsOfSessionsAndBatchesAreNamed) {
  const std::string long_text(3000, 'a');
  ExpectFieldError(&Stub::RefreshSession, "{}", "session_token");
  ExpectFieldError(&Stub::RefreshSession,
                   "{" + Text("session_token", long_text) + "}",
                   "session_token");
  const std::string id = "\"01a1fded-d577-7b50-a853-a4fcd5cba19a\"";
  ExpectFieldError(&Stub::BatchGetUsers,
                   R"({"identity_refs":[)" + Ref(kMini, "o") +
                       "],\"user_ids\":[" + id + "]}",
                   "user_ids");
  std::string ids = id;
  for (int i = 1; i < 501; ++i) ids += "," + id;
  ExpectFieldError(&Stub::BatchGetUsers, "{\"user_ids\":[" + ids + "]}",
                   "user_ids");
}

TEST_F(IdentityServiceTest, ARefreshedSessionLivesOnUnderANewToken) {
  const std::string first = LogIn();
  clock_.Advance(absl::Hours(20));
  const auto refresh = [&](const std::string& token) {
    return Answer(&Stub::RefreshSession,
                  "{" + Text("session_token", token) + "}");
  };
  const v1::RefreshSessionResponse second = refresh(first);
  EXPECT_EQ(second.session_token().substr(0, 5), "wxs1_");
  EXPECT_NE(second.session_token(), first);
  EXPECT_EQ(second.expire_time().seconds(),
            absl::ToUnixSeconds(clock_.Now() + absl::Hours(24)));
  // A lost answer is repeated; the absolute end stays.
  EXPECT_EQ(refresh(first).session_token(), second.session_token());
  clock_.Advance(absl::Hours(20));
  const v1::RefreshSessionResponse third = refresh(second.session_token());
  clock_.Advance(absl::Hours(20));
  EXPECT_EQ(refresh(third.session_token()).expire_time().seconds(),
            absl::ToUnixSeconds(clock_.Now() + absl::Hours(12)));
}

TEST_F(IdentityServiceTest, ATokenReusedAfterItsOverlapEndsTheSession) {
  const std::string old = LogIn();
  const auto active = [&](const std::string& token) {
    return Answer(&Stub::ValidateSession,
                  "{" + Text("session_token", token) + "}")
        .active();
  };
  const std::string fresh =
      Answer(&Stub::RefreshSession, "{" + Text("session_token", old) + "}")
          .session_token();
  EXPECT_TRUE(active(old));
  EXPECT_TRUE(active(fresh));
  clock_.Advance(absl::Seconds(31));
  EXPECT_FALSE(active(old));
  EXPECT_TRUE(active(fresh));
  EXPECT_EQ(
      Refusal(&Stub::RefreshSession, "{" + Text("session_token", old) + "}"),
      "SESSION_NOT_ACTIVE");
  EXPECT_FALSE(active(fresh));
}

TEST_F(IdentityServiceTest, WhatCannotBeRefreshedIsSaidApart) {
  const std::string token = LogIn();
  for (const std::string& nobody :
       {std::string("x"), "wxs1_" + std::string(43, 'A')})
    EXPECT_EQ(Refusal(&Stub::RefreshSession,
                      "{" + Text("session_token", nobody) + "}"),
              "SESSION_NOT_ACTIVE");
  sessions_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_EQ(
      Refusal(&Stub::RefreshSession, "{" + Text("session_token", token) + "}"),
      "STORE_UNAVAILABLE");
}

TEST_F(IdentityServiceTest, ManyUsersAreFoundInOrder) {
  LogIn("o_alice");
  LogIn("o_bob");
  const v1::BatchGetUsersResponse found =
      Answer(&Stub::BatchGetUsers,
             R"({"identity_refs":[)" + Ref(kMini, "o_bob") + "," +
                 Ref(kMini, "o_nobody") + "," + Ref(kMini, "o_alice") + "," +
                 Ref(kMini, "o_bob") + "]}");
  ASSERT_EQ(found.users_size(), 4);
  EXPECT_EQ(found.users(0).identities(0).openid(), "o_bob");
  EXPECT_FALSE(found.users(1).found());
  EXPECT_FALSE(found.users(1).has_user());
  EXPECT_EQ(found.users(2).identities(0).openid(), "o_alice");
  EXPECT_EQ(found.users(3).user().user_id(), found.users(0).user().user_id());

  const v1::BatchGetUsersResponse by_id =
      Answer(&Stub::BatchGetUsers,
             R"({"user_ids":["01a1fded-d577-7b50-a853-a4fcd5cba19a",")" +
                 found.users(2).user().user_id() + "\"]}");
  ASSERT_EQ(by_id.users_size(), 2);
  EXPECT_FALSE(by_id.users(0).found());
  EXPECT_TRUE(by_id.users(1).found());
  EXPECT_EQ(by_id.users(1).identities(0).openid(), "o_alice");

  EXPECT_EQ(Answer(&Stub::BatchGetUsers, "{}").users_size(), 0);
  identities_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_EQ(Refusal(&Stub::BatchGetUsers,
                    R"({"identity_refs":[)" + Ref(kMini, "o") + "]}"),
            "STORE_UNAVAILABLE");
}

}  // namespace
}  // namespace wxident

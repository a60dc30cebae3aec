// DecryptPhone by code, DecryptUserData, CheckSessionKey, and what becomes of
// data whose session_key is gone.

#include <string>

#include "server/identity/error.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

constexpr char kSecondKey[] = "EBESExQVFhcYGRobHB0eHw==";
constexpr char kThirdKey[] = "ICEiIyQlJicoKSorLC0uLw==";

class OpenDataCallsTest : public ServiceTest {
 protected:
  std::string DataRequest(const std::string& token, const std::string& data) {
    return "{" + Text("session_token", token) + "," +
           Text("encrypted_data", data) + "," + Text("iv", Iv()) + "}";
  }
  std::string PhoneRequest(const std::string& token, const std::string& data) {
    return "{" + Text("session_token", token) + ",\"encrypted\":{" +
           Text("encrypted_data", data) + "," + Text("iv", Iv()) + "}}";
  }
  std::string ProfileRequest(const std::string& token,
                             const std::string& data) {
    return "{" + Text("session_token", token) + ",\"encrypted_profile\":{" +
           Text("encrypted_data", data) + "," + Text("iv", Iv()) + "}}";
  }
  std::string CodeRequest(const std::string& token, const std::string& code) {
    return "{" + Text("session_token", token) + "," + Text("phone_code", code) +
           "}";
  }
  std::string TokenRequest(const std::string& token) {
    return "{" + Text("session_token", token) + "}";
  }
  std::string Steps() { return R"({"steps":7,)" + Watermark() + "}"; }

  void AddPhoneCode(const std::string& code, const std::string& openid) {
    wechat_.AddPhoneCode(code, openid,
                         {.phone_number = Secret("+85298765432"),
                          .pure_phone_number = Secret("98765432"),
                          .country_code = "852",
                          .watermark_time = clock_.Now()});
  }
};

TEST_F(OpenDataCallsTest, BadFieldsAreNamed) {
  ExpectFieldError(&Identity::DecryptUserData, "{}", "session_token");
  ExpectFieldError(&Identity::DecryptUserData, R"({"session_token":"a"})",
                   "encrypted_data");
  ExpectFieldError(&Identity::DecryptUserData,
                   R"({"session_token":"a","encrypted_data":"a b"})",
                   "encrypted_data");
  ExpectFieldError(&Identity::DecryptUserData,
                   R"({"session_token":"a","encrypted_data":")" +
                       std::string(32 * 1024 + 4, 'A') + "\"}",
                   "encrypted_data");
  ExpectFieldError(&Identity::DecryptUserData,
                   R"({"session_token":"a","encrypted_data":"AAAA"})", "iv");
  ExpectFieldError(
      &Identity::DecryptUserData,
      R"({"session_token":"a","encrypted_data":"AAAA","iv":"AAAA"})", "iv");
  ExpectFieldError(&Identity::DecryptPhone,
                   R"({"session_token":"a","phone_code":""})", "phone_code");
  ExpectFieldError(&Identity::DecryptPhone,
                   R"({"session_token":"a","phone_code":"a/b"})", "phone_code");
  ExpectFieldError(&Identity::DecryptPhone,
                   CodeRequest("a", std::string(513, 'a')), "phone_code");
  ExpectFieldError(&Identity::CheckSessionKey, "{}", "session_token");
}

TEST_F(OpenDataCallsTest, WhoIsNotLoggedInGetsNothing) {
  const std::string nobody = "wxs1_" + std::string(43, 'A');
  for (const std::string& token : {std::string("x"), nobody}) {
    EXPECT_EQ(Refusal(&Identity::DecryptUserData,
                      DataRequest(token, Encrypt(Steps()))),
              "SESSION_NOT_ACTIVE");
    EXPECT_EQ(Refusal(&Identity::DecryptPhone, CodeRequest(token, "code")),
              "SESSION_NOT_ACTIVE");
    EXPECT_EQ(Refusal(&Identity::CheckSessionKey, TokenRequest(token)),
              "SESSION_NOT_ACTIVE");
  }
}

TEST_F(OpenDataCallsTest, ASessionOfAnotherKindOfAppIsNamed) {
  const std::string token = LogInOnTheWeb("o_web").session_token();
  ExpectFieldError(&Identity::DecryptUserData,
                   DataRequest(token, Encrypt(Steps())), "session_token");
  ExpectFieldError(&Identity::DecryptPhone, CodeRequest(token, "code"),
                   "session_token");
  ExpectFieldError(&Identity::CheckSessionKey, TokenRequest(token),
                   "session_token");
}

TEST_F(OpenDataCallsTest, OtherOpenDataComesBackAsItWas) {
  const std::string token = LogIn();
  const auto opened =
      Answer(&Identity::DecryptUserData, DataRequest(token, Encrypt(Steps())));
  EXPECT_EQ(opened.json(), Steps());
  EXPECT_EQ(opened.watermark_time().seconds(),
            absl::ToUnixSeconds(clock_.Now()));
  EXPECT_EQ(Refusal(&Identity::DecryptUserData,
                    DataRequest(token, Encrypt("not json"))),
            "DECRYPT_REJECTED");
}

TEST_F(OpenDataCallsTest, DataOfTheKeyBeforeOpensForTenMinutes) {
  LogIn();
  const std::string token = LogIn("o_alice", kSecondKey);
  const std::string data = DataRequest(token, Encrypt(Steps()));
  EXPECT_EQ(Answer(&Identity::DecryptUserData, data).json(), Steps());
  clock_.Advance(absl::Minutes(10));
  const std::string steps = Steps();
  EXPECT_EQ(Refusal(&Identity::DecryptUserData, data), "SESSION_KEY_STALE");
  EXPECT_EQ(Answer(&Identity::DecryptUserData,
                   DataRequest(token, Encrypt(steps, kSecondKey)))
                .json(),
            steps);
}

TEST_F(OpenDataCallsTest, OnceAKeyWasDroppedWhateverFailsIsStale) {
  LogIn();
  LogIn("o_alice", kSecondKey);
  const std::string token = LogIn("o_alice", kThirdKey);
  for (const std::string& data :
       {Encrypt(Steps()), Encrypt("not json", kThirdKey),
        Base64Encode(std::string(32, 'x')), Base64Encode("odd")}) {
    // So that none is one too many.
    clock_.Advance(absl::Minutes(1));
    EXPECT_EQ(Refusal(&Identity::DecryptUserData, DataRequest(token, data)),
              "SESSION_KEY_STALE");
    EXPECT_EQ(Refusal(&Identity::DecryptPhone, PhoneRequest(token, data)),
              "SESSION_KEY_STALE");
    EXPECT_EQ(Refusal(&Identity::GetUserInfo, ProfileRequest(token, data)),
              "SESSION_KEY_STALE");
  }
}

TEST_F(OpenDataCallsTest, APhoneCodeGivesThePhoneAndStoresIt) {
  const std::string token = LogIn();
  AddPhoneCode("phone1", "o_alice");
  const auto answer =
      Answer(&Identity::DecryptPhone, CodeRequest(token, "phone1"));
  EXPECT_EQ(answer.phone().phone_number(), "+85298765432");
  EXPECT_EQ(answer.phone().pure_phone_number(), "98765432");
  EXPECT_EQ(answer.phone().country_code(), "852");
  EXPECT_EQ(answer.watermark_time().seconds(),
            absl::ToUnixSeconds(clock_.Now()));
  const auto user = Answer(&Identity::GetUser,
                           "{\"identity_ref\":" + Ref(kMini, "o_alice") + "}");
  EXPECT_TRUE(user.user().phone_linked());
  EXPECT_EQ(Refusal(&Identity::DecryptPhone, CodeRequest(token, "phone1")),
            "LOGIN_CODE_CONSUMED");
}

TEST_F(OpenDataCallsTest, APhoneCodeThatIsNotGoodIsSaidApart) {
  const std::string token = LogIn();
  EXPECT_EQ(Refusal(&Identity::DecryptPhone, CodeRequest(token, "unknown")),
            "LOGIN_CODE_INVALID");
  AddPhoneCode("bobs", "o_bob");
  ExpectFieldError(&Identity::DecryptPhone, CodeRequest(token, "bobs"),
                   "phone_code");
  wechat_.FailNextAt("getuserphonenumber",
                     Error(Reason::kApiUnauthorized, "no").ToStatus());
  EXPECT_EQ(Refusal(&Identity::DecryptPhone, CodeRequest(token, "any")),
            "API_UNAUTHORIZED");
  EXPECT_TRUE(data_.phones.empty());
}

TEST_F(OpenDataCallsTest, APhoneByCodeIsNotAnsweredBeforeItIsStored) {
  const std::string token = LogIn();
  AddPhoneCode("phone1", "o_alice");
  profiles_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_EQ(Refusal(&Identity::DecryptPhone, CodeRequest(token, "phone1")),
            "STORE_UNAVAILABLE");
}

TEST_F(OpenDataCallsTest, ARefusedAppTokenIsReplacedOnce) {
  const std::string token = LogIn();
  AddPhoneCode("phone1", "o_alice");
  wechat_.RefuseToken("token_1");
  Answer(&Identity::DecryptPhone, CodeRequest(token, "phone1"));
  EXPECT_EQ(wechat_.calls("getuserphonenumber"), 2);
  EXPECT_EQ(wechat_.used_tokens().back(), "token_2");
}

TEST_F(OpenDataCallsTest, WechatSaysWhetherTheKeyIsCurrent) {
  const std::string token = LogIn();
  const auto valid = [&] {
    return Answer(&Identity::CheckSessionKey, TokenRequest(token)).valid();
  };
  EXPECT_TRUE(valid());
  wechat_.SetSessionKey("o_alice", Secret(kSecondKey));
  EXPECT_FALSE(valid());
  LogIn("o_alice", kSecondKey);
  EXPECT_TRUE(valid()) << "the newest key is the one that is asked about";
  wechat_.FailNextAt("checksession",
                     Error(Reason::kWechatBusy, "busy").ToStatus());
  EXPECT_EQ(Refusal(&Identity::CheckSessionKey, TokenRequest(token)),
            "WECHAT_BUSY");
  data_.keys.clear();
  const int calls = wechat_.calls("checksession");
  EXPECT_FALSE(valid());
  EXPECT_EQ(wechat_.calls("checksession"), calls);
}

}  // namespace
}  // namespace wxident

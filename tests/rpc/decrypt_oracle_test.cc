// The RPCs that open encrypted data, asked by somebody who has such data of
// somebody else's and changes it.

#include <map>
#include <string>

#include "server/crypto/base64.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

constexpr size_t kBlock = 16;

class DecryptOracleTest : public ServiceTest {
 protected:
  // Everything of a refusal that the caller can tell apart but for the id of
  // the request.
  std::string Ask(const std::string& token, const std::string& ciphertext) {
    v1::DecryptPhoneRequest request;
    request.set_session_token(token);
    request.mutable_encrypted()->set_encrypted_data(Base64Encode(ciphertext));
    request.mutable_encrypted()->set_iv(Iv());
    v1::DecryptPhoneResponse response;
    const grpc::Status status =
        Call(&Identity::DecryptPhone, request, &response);
    ++answers_[status.ok() ? "OK" : ReasonOf(status)];
    // The wait says what time it is, nothing else.
    if (ReasonOf(status) == "SESSION_RATE_LIMITED") return "limited";
    return std::to_string(status.error_code()) + status.error_message() +
           status.error_details();
  }

  std::string Data() { return *Base64Decode(Encrypt(PhoneJson())); }
  std::string PhoneJson() {
    return R"({"phoneNumber":"13580006666","purePhoneNumber":"13580006666",)"
           R"("countryCode":"86",)" +
           Watermark() + "}";
  }

  std::string Bad(const std::string& token) {
    return "{" + Text("session_token", token) + ",\"encrypted\":{" +
           Text("encrypted_data", Encrypt("{}")) + "," + Text("iv", Iv()) +
           "}}";
  }
  std::string Good(const std::string& token) {
    return "{" + Text("session_token", token) + ",\"encrypted\":{" +
           Text("encrypted_data", Encrypt(PhoneJson())) + "," +
           Text("iv", Iv()) + "}}";
  }
  std::string Refused(const std::string& token) {
    return Refusal(&Identity::DecryptPhone, Bad(token));
  }

  std::map<std::string, int> answers_;
};

// Vaudenay's attack: the byte before the last block under which the padding
// fits gives away a byte of the text. It wants an answer that differs.
TEST_F(DecryptOracleTest, APaddingOracleToolGainsNothing) {
  const std::string token = LogIn();
  const std::string data = Data();
  const std::string target = data.substr(data.size() - kBlock);
  int gained = 0;
  std::string made_up(kBlock, 'x');
  for (size_t at = kBlock; at-- > 0;) {
    std::string refused;
    for (int guess = 0; guess < 256; ++guess) {
      made_up[at] = static_cast<char>(guess);
      // With the whole text before it, as with nothing.
      const std::string answer = Ask(
          token, (guess % 2 == 0 ? data : std::string()) + made_up + target);
      if (answer == "limited") continue;
      if (refused.empty()) refused = answer;
      if (answer == refused) continue;
      ++gained;
      break;
    }
  }
  EXPECT_EQ(gained, 0);
  EXPECT_EQ(answers_["DECRYPT_REJECTED"], 5);
  EXPECT_EQ(answers_["SESSION_RATE_LIMITED"], 16 * 256 - 5);
  EXPECT_EQ(answers_.size(), 2u);
}

TEST_F(DecryptOracleTest, TheThreeCallsCountTogether) {
  const std::string token = LogIn();
  const std::string data = "{" + Text("session_token", token) + "," +
                           Text("encrypted_data", Encrypt("{}")) + "," +
                           Text("iv", Iv()) + "}";
  const std::string profile =
      "{" + Text("session_token", token) + ",\"encrypted_profile\":{" +
      Text("encrypted_data", Encrypt("{}")) + "," + Text("iv", Iv()) + "}}";
  EXPECT_EQ(Refused(token), "DECRYPT_REJECTED");
  EXPECT_EQ(Refused(token), "DECRYPT_REJECTED");
  EXPECT_EQ(Refusal(&Identity::DecryptUserData, data), "DECRYPT_REJECTED");
  EXPECT_EQ(Refusal(&Identity::DecryptUserData, data), "DECRYPT_REJECTED");
  EXPECT_EQ(Refusal(&Identity::GetUserInfo, profile), "DECRYPT_REJECTED");
  EXPECT_EQ(Refused(token), "SESSION_RATE_LIMITED");
  EXPECT_EQ(Refusal(&Identity::DecryptUserData, data), "SESSION_RATE_LIMITED");
  EXPECT_EQ(Refusal(&Identity::GetUserInfo, profile), "SESSION_RATE_LIMITED");
}

TEST_F(DecryptOracleTest, RightDataWaitsToo) {
  const std::string token = LogIn();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Refused(token), "DECRYPT_REJECTED");
    if (i < 4) Answer(&Identity::DecryptPhone, Good(token));
  }
  v1::DecryptPhoneResponse response;
  const grpc::Status status =
      CallJson(&Identity::DecryptPhone, Good(token), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "SESSION_RATE_LIMITED");
  EXPECT_EQ(DetailOf<google::rpc::RetryInfo>(status).retry_delay().seconds(),
            60);
  Answer(&Identity::DecryptPhone, Good(LogIn("o_bob")));
  clock_.Advance(absl::Minutes(1));
  Answer(&Identity::DecryptPhone, Good(token));
}

TEST_F(DecryptOracleTest, ARefreshedSessionHasNoFurtherTries) {
  const std::string token = LogIn();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Refused(token), "DECRYPT_REJECTED");
  clock_.Advance(absl::Seconds(10));
  const std::string next = Answer(&Identity::RefreshSession,
                                  "{" + Text("session_token", token) + "}")
                               .session_token();
  EXPECT_EQ(Refused(next), "SESSION_RATE_LIMITED");
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(Refused(LogIn()), "DECRYPT_REJECTED") << "another login";
}

TEST_F(DecryptOracleTest, AStaleKeysRefusalsCountAsWell) {
  LogIn();
  LogIn("o_alice", "EBESExQVFhcYGRobHB0eHw==");
  const std::string token = LogIn("o_alice", "ICEiIyQlJicoKSorLC0uLw==");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Refused(token), "SESSION_KEY_STALE");
  EXPECT_EQ(Refused(token), "SESSION_RATE_LIMITED");
}

}  // namespace
}  // namespace wxident

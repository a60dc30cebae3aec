// Whom a login code gives a session, and for how long, over a real gRPC server.

#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "server/identity/error.h"
#include "server/policy/access_control.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

class LoginCallsTest : public ServiceTest {
 protected:
  LoginCallsTest() {
    Policy policy = EverythingAllowed();
    policy.allow.push_back(
        {.caller = "spiffe://corp/shop", .methods = AllMethods()});
    access_.Replace(policy);
    NewCode();
  }

  // From here on requests have a new code.
  void NewCode() {
    code_ = "code" + std::to_string(++codes_);
    wechat_.AddCode(code_, {"o_alice", "", Secret(kSessionKey)});
  }
  std::string Request() const {
    return "{" + Text("app_id", kMini) + "," +
           Text("mini_program_code", code_) + "}";
  }
  // The reason why the code gives no session; "" when it gives one.
  std::string Refused() {
    std::future<std::string> refused = std::async(std::launch::async, [this] {
      return Refusal(&Identity::Login, Request());
    });
    // What looks for another replica's answer waits in between.
    while (refused.wait_for(std::chrono::milliseconds(1)) !=
           std::future_status::ready)
      timer_.RunAll();
    return refused.get();
  }

  std::string code_;
};

TEST_F(LoginCallsTest, ACodeGivesItsFirstCallerTheSameSessionAgain) {
  const v1::LoginResponse first = Answer(&Identity::Login, Request());
  EXPECT_EQ(Answer(&Identity::Login, Request()).SerializeAsString(),
            first.SerializeAsString());
  caller_ = "spiffe://corp/shop";
  EXPECT_EQ(Refused(), "LOGIN_CODE_CONSUMED");
  caller_ = "loopback";
  EXPECT_EQ(Answer(&Identity::Login, Request()).session_token(),
            first.session_token());
}

TEST_F(LoginCallsTest, AnEndedSessionIsNotGivenAgain) {
  const std::vector<std::function<void(const v1::LoginResponse&)>> ends = {
      [&](const v1::LoginResponse& login) {
        Answer(&Identity::RevokeSession,
               "{" + Text("session_token", login.session_token()) + "}");
      },
      [&](const v1::LoginResponse& login) {
        Answer(&Identity::RevokeSession,
               "{" + Text("user_id", login.user().user_id()) + "}");
      },
      [&](const v1::LoginResponse& login) {
        Answer(&Admin::EraseUser,
               "{" + Text("user_id", login.user().user_id()) + "}");
      },
      // A token that leaked.
      [&](const v1::LoginResponse& login) {
        const std::string old =
            "{" + Text("session_token", login.session_token()) + "}";
        Answer(&Identity::RefreshSession, old);
        clock_.Advance(absl::Seconds(31));
        EXPECT_EQ(Refusal(&Identity::RefreshSession, old),
                  "SESSION_NOT_ACTIVE");
      },
  };
  for (const auto& end : ends) {
    const v1::LoginResponse login = Answer(&Identity::Login, Request());
    EXPECT_EQ(Refused(), "");
    end(login);
    EXPECT_EQ(Refused(), "LOGIN_CODE_CONSUMED");
    NewCode();
  }
}

TEST_F(LoginCallsTest, WhileTheStoreIsAwayNothingIsGivenAgain) {
  const v1::LoginResponse first = Answer(&Identity::Login, Request());
  identities_.FailWith(Error(Reason::kStoreUnavailable, "away").ToStatus());
  EXPECT_EQ(Refused(), "STORE_UNAVAILABLE");
  identities_.FailWith(absl::OkStatus());
  EXPECT_EQ(Answer(&Identity::Login, Request()).session_token(),
            first.session_token());
}

}  // namespace
}  // namespace wxident

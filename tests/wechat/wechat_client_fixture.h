#ifndef WXIDENT_TESTS_WECHAT_WECHAT_CLIENT_FIXTURE_H_
#define WXIDENT_TESTS_WECHAT_WECHAT_CLIENT_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/base/metrics.h"
#include "server/base/wall_clocks.h"
#include "server/wechat/wechat_client.h"
#include "tests/base/fake_clock.h"
#include "tests/crypto/fake_random.h"
#include "tests/http/fake_http_client.h"

namespace wxident {

// WeChat's answer to a code.
inline constexpr char kSessionBody[] =
    R"({"session_key":"tiihtNczf5v6AKRyjwEUhQ==",)"
    R"("openid":"oGZUI0egBJY1zhBYw2KhdUfwVJJE",)"
    R"("unionid":"ocMvos6NjeKLIBqg5Mr9QjxrP1FA"})";

// A WechatClient of two hosts over a fake of HTTP, and one method for each
// operation, with arguments that tests rarely change. Whatever holds "canary"
// must not stand in an error's message: each method checks that.
class WechatClientTest : public testing::Test {
 protected:
  absl::StatusOr<CodeSession> Exchange(const std::string& code = "code",
                                       absl::Duration left = absl::Seconds(3)) {
    std::optional<absl::StatusOr<CodeSession>> out;
    client_.ExchangeCode(
        app_, Secret(code), Deadline::After(left, clock_),
        [&](absl::StatusOr<CodeSession> session) { out = std::move(session); });
    Check(out->status());
    return *std::move(out);
  }

  absl::StatusOr<FetchedToken> Fetch(bool force = false) {
    std::optional<absl::StatusOr<FetchedToken>> out;
    client_.FetchToken(
        app_, force, Deadline::After(absl::Seconds(3), clock_),
        [&](absl::StatusOr<FetchedToken> token) { out = std::move(token); });
    Check(out->status());
    return *std::move(out);
  }

  // Starts an operation with 3 s left and gives its answer.
  template <typename T, typename Start>
  absl::StatusOr<T> Run(Start start) {
    std::optional<absl::StatusOr<T>> out;
    start(Deadline::After(absl::Seconds(3), clock_),
          [&](absl::StatusOr<T> answer) { out = std::move(answer); });
    Check(out->status());
    return *std::move(out);
  }

  absl::StatusOr<OauthSession> ExchangeOauth(const std::string& code = "c") {
    return Run<OauthSession>([&](Deadline deadline, Done<OauthSession> done) {
      client_.ExchangeOauthCode(app_, Secret(code), deadline, std::move(done));
    });
  }

  absl::StatusOr<OauthSession> Refresh() {
    return Run<OauthSession>([&](Deadline deadline, Done<OauthSession> done) {
      client_.RefreshOauthGrant(app_, Secret("canary&rt"), deadline,
                                std::move(done));
    });
  }

  absl::StatusOr<FetchedProfile> UserInfo() {
    return Run<FetchedProfile>(
        [&](Deadline deadline, Done<FetchedProfile> done) {
          client_.GetOauthProfile(app_, Secret("canary&at"), "o1", "zh_TW",
                                  deadline, std::move(done));
        });
  }

  absl::StatusOr<FetchedProfile> Follower() {
    return Run<FetchedProfile>(
        [&](Deadline deadline, Done<FetchedProfile> done) {
          client_.GetFollower(app_, Secret("canary&at"), "o1", "en", deadline,
                              std::move(done));
        });
  }

  absl::StatusOr<WechatApi::Followers> Followers(
      const std::vector<std::string>& openids) {
    return Run<WechatApi::Followers>(
        [&](Deadline deadline, Done<WechatApi::Followers> done) {
          client_.BatchGetFollowers(app_, Secret("canary&at"), openids, "en",
                                    deadline, std::move(done));
        });
  }

  absl::StatusOr<FetchedToken> Ticket() {
    return Run<FetchedToken>([&](Deadline deadline, Done<FetchedToken> done) {
      client_.FetchTicket(app_, Secret("canary&at"), deadline, std::move(done));
    });
  }

  absl::StatusOr<Phone> PhoneOf(const std::string& code = "canary_code") {
    return Run<Phone>([&](Deadline deadline, Done<Phone> done) {
      client_.GetPhoneNumber(app_, Secret("canary&at"), Secret(code), "o1",
                             deadline, std::move(done));
    });
  }

  absl::StatusOr<bool> CheckKey(
      const std::string& key = "tiihtNczf5v6AKRyjwEUhQ==") {
    return Run<bool>([&](Deadline deadline, Done<bool> done) {
      client_.CheckSessionKey(app_, Secret("canary&at"), "o1", Secret(key),
                              deadline, std::move(done));
    });
  }

  static void Check(const absl::Status& status) {
    EXPECT_THAT(std::string(status.message()),
                testing::Not(testing::HasSubstr("canary")));
  }

  std::vector<std::string> Urls() const {
    std::vector<std::string> urls;
    for (const HttpRequest& request : http_.sent()) {
      const std::string& url = request.url.Expose();
      urls.push_back(url.substr(0, url.find('/', 8)));
    }
    return urls;
  }

  App app_{"wx4f4bc4dec97d474b", AppKind::kMiniProgram, "account",
           Secret("canary-secret")};
  FakeClock clock_;
  FakeRandom random_;
  Metrics metrics_;
  WallClocks wall_clocks_{clock_, metrics_};
  FakeHttpClient http_;
  WechatClient client_{http_,   {"https://a.test", "https://b.test:8443"},
                       clock_,  wall_clocks_,
                       random_, metrics_};
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_WECHAT_WECHAT_CLIENT_FIXTURE_H_

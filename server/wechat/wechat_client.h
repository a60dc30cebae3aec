#ifndef WXIDENT_SERVER_WECHAT_WECHAT_CLIENT_H_
#define WXIDENT_SERVER_WECHAT_WECHAT_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/base/wall_clocks.h"
#include "server/crypto/random.h"
#include "server/http/http_client.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

class WechatCaller;

// Calls WeChat's API over HTTPS. Thread-safe. Each call of an operation calls
// its `done` once, on the HTTP client's thread or before it returns.
//
// Time: an attempt ends 50 ms before the caller's deadline, and after 5 s at
// the latest. With less than 20 ms left it is not made, and the call fails with
// DEADLINE_PASSED.
//
// Hosts: if no connection to a host comes about, the next host is tried, each
// host once. Once a byte may have been sent, nothing is repeated: only the
// caller knows what a repetition costs.
//
// Breakers: an attempt that the caller's deadline ended before 2 s counts
// neither as a success nor as a failure (see WechatApi::Breaker).
//
// Metrics: wxident_wechat_errcode_total{endpoint,errcode}; those of Breakers.
class WechatClient final : public WechatApi {
 public:
  // `base_urls` has at least one https://host[:port], the preferred one first.
  // The references must outlive the client. `http` may answer after the client
  // has gone.
  WechatClient(HttpClient& http, std::vector<std::string> base_urls,
               Clock& clock, WallClocks& wall_clocks, Random& random,
               Metrics& metrics);
  ~WechatClient() override;

  void ExchangeCode(const App& app, Secret code, Deadline deadline,
                    Done<CodeSession> done) override;
  void FetchToken(const App& app, bool force, Deadline deadline,
                  Done<FetchedToken> done) override;
  void FetchTicket(const App& app, Secret access_token, Deadline deadline,
                   Done<FetchedToken> done) override;
  void ExchangeOauthCode(const App& app, Secret code, Deadline deadline,
                         Done<OauthSession> done) override;
  void RefreshOauthGrant(const App& app, Secret refresh_token,
                         Deadline deadline, Done<OauthSession> done) override;
  void GetOauthProfile(const App& app, Secret access_token, std::string openid,
                       std::string language, Deadline deadline,
                       Done<FetchedProfile> done) override;
  void GetFollower(const App& app, Secret access_token, std::string openid,
                   std::string language, Deadline deadline,
                   Done<FetchedProfile> done) override;
  void BatchGetFollowers(const App& app, Secret access_token,
                         std::vector<std::string> openids, std::string language,
                         Deadline deadline, Done<Followers> done) override;
  void GetPhoneNumber(const App& app, Secret access_token, Secret code,
                      std::string openid, Deadline deadline,
                      Done<Phone> done) override;
  void CheckSessionKey(const App& app, Secret access_token, std::string openid,
                       Secret session_key, Deadline deadline,
                       Done<bool> done) override;

  std::vector<Breaker> BreakersOf(const App& app) override;

 private:
  // Shared with the calls under way.
  const std::shared_ptr<WechatCaller> caller_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_WECHAT_CLIENT_H_

#ifndef WXIDENT_SERVER_WECHAT_WECHAT_API_H_
#define WXIDENT_SERVER_WECHAT_WECHAT_API_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"
#include "server/identity/types.h"

namespace wxident {

// What jscode2session answers.
struct CodeSession {
  std::string openid;
  // Empty when the mini program is bound to no Open Platform account.
  std::string unionid;
  // Base64 of 16 bytes, as WeChat sends it.
  Secret session_key;
};

// What stable_token, cgi-bin/token and getticket answer.
struct FetchedToken {
  // The access_token, or the jsapi_ticket.
  Secret value;
  // Between 60 s and 7200 s, whatever WeChat said.
  absl::Duration expires_in;
};

// What sns/oauth2/access_token and sns/oauth2/refresh_token answer.
struct OauthSession {
  std::string openid;
  // Empty after a refresh, with scope snsapi_base, and without an Open Platform
  // account.
  std::string unionid;
  Secret access_token;
  // Between 60 s and 7200 s, whatever WeChat said.
  absl::Duration expires_in;
  Secret refresh_token;
  std::string scope;
};

// A profile with whose it is.
struct FetchedProfile {
  // fetched_at is the time of the answer.
  Profile profile;
  std::string openid;
  // Empty when WeChat did not tell.
  std::string unionid;
};

// Returns whether an error says that WeChat refused the access_token that was
// used (40001, 40014, 42001), so that another one may help.
bool IsTokenRefused(const absl::Status& error);

// Returns whether WeChat says that the login code has been used (40163), so
// that another replica may have the answer.
bool IsCodeUsed(const absl::Status& error);

// Returns whether WeChat says that an openid is none of the app's (40003). Of
// several that were sent together it does not say which.
bool IsOpenidRefused(const absl::Status& error);

// WeChat's server API, one function per endpoint. Thread-safe. `app` must
// outlive the call. Every error is an identity/error.h Error with the errcode
// and rid where WeChat gave them.
class WechatApi {
 public:
  virtual ~WechatApi() = default;

  // GET /sns/jscode2session. A code works once, so it is sent at most once:
  // another host is tried only while nothing has left. Errors that leave open
  // whether the code still lives: OUTCOME_UNKNOWN, WECHAT_BUSY,
  // WECHAT_BAD_RESPONSE, DEADLINE_PASSED. WECHAT_UNREACHABLE and OVERLOADED
  // promise that nothing left.
  virtual void ExchangeCode(const App& app, Secret code, Deadline deadline,
                            Done<CodeSession> done) = 0;

  // POST /cgi-bin/stable_token or GET /cgi-bin/token, as app.token_mode says.
  // `force` asks stable_token to kill the present token at once; cgi-bin/token
  // always does, after a grace of about 5 minutes.
  virtual void FetchToken(const App& app, bool force, Deadline deadline,
                          Done<FetchedToken> done) = 0;

  // GET /cgi-bin/ticket/getticket?type=jsapi with the app's token; see
  // IsTokenRefused.
  virtual void FetchTicket(const App& app, Secret access_token,
                           Deadline deadline, Done<FetchedToken> done) = 0;

  // GET /sns/oauth2/access_token. A code works once: what holds of ExchangeCode
  // holds here. SNAPSHOT_USER when WeChat says is_snapshotuser.
  virtual void ExchangeOauthCode(const App& app, Secret code, Deadline deadline,
                                 Done<OauthSession> done) = 0;

  // GET /sns/oauth2/refresh_token. OAUTH_GRANT_EXPIRED when WeChat no longer
  // takes the refresh_token (40030, 42002, 42007, 40029).
  virtual void RefreshOauthGrant(const App& app, Secret refresh_token,
                                 Deadline deadline,
                                 Done<OauthSession> done) = 0;

  // GET /sns/userinfo with the person's own token. `language` is zh_CN, zh_TW
  // or en. OAUTH_SCOPE_INSUFFICIENT for 48001; see IsTokenRefused.
  virtual void GetOauthProfile(const App& app, Secret access_token,
                               std::string openid, std::string language,
                               Deadline deadline,
                               Done<FetchedProfile> done) = 0;

  // GET /cgi-bin/user/info with the app's token. A person who does not follow
  // gives subscribe = false and nothing else.
  virtual void GetFollower(const App& app, Secret access_token,
                           std::string openid, std::string language,
                           Deadline deadline, Done<FetchedProfile> done) = 0;

  // POST /cgi-bin/user/info/batchget with the app's token: at most
  // kMostFollowers openids, answered in their order, each by itself:
  // WECHAT_BAD_RESPONSE where WeChat's answer leaves one out or cannot be read.
  // One that is malformed or of another app fails all with REQUEST_INVALID
  // (40003); see IsTokenRefused.
  static constexpr size_t kMostFollowers = 100;
  using Followers = std::vector<absl::StatusOr<FetchedProfile>>;
  virtual void BatchGetFollowers(const App& app, Secret access_token,
                                 std::vector<std::string> openids,
                                 std::string language, Deadline deadline,
                                 Done<Followers> done) = 0;

  // POST /wxa/business/getuserphonenumber with the app's token; WeChat checks
  // that the code is `openid`'s. The code works once: sent at most once, but
  // for a refused token, which WeChat looks at first.
  virtual void GetPhoneNumber(const App& app, Secret access_token, Secret code,
                              std::string openid, Deadline deadline,
                              Done<Phone> done) = 0;

  // GET /wxa/checksession with the app's token: whether the key is current.
  virtual void CheckSessionKey(const App& app, Secret access_token,
                               std::string openid, Secret session_key,
                               Deadline deadline, Done<bool> done) = 0;

  // Whether calls of one endpoint are made for an app at all. After 5 calls in
  // a row that found no connection or no answer in time, the breaker opens:
  // calls fail at once with WECHAT_UNREACHABLE and a retry time, for 1 s, then
  // twice as long each time up to 30 s (half as much or half more by chance);
  // then one call tries, and its answer closes it. An answer is an answer
  // whatever it says: an errcode, any HTTP status, what nobody can read.
  struct Breaker {
    enum class State { kClosed, kOpen, kHalfOpen };
    // Its name in metrics: "jscode2session".
    std::string endpoint;
    State state = State::kClosed;
    // While open.
    absl::Duration retry_in;
  };
  // One for each endpoint that has been asked for this app, by name.
  virtual std::vector<Breaker> BreakersOf(const App& app) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_WECHAT_API_H_

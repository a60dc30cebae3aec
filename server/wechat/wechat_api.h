#ifndef WXIDENT_SERVER_WECHAT_WECHAT_API_H_
#define WXIDENT_SERVER_WECHAT_WECHAT_API_H_

#include <string>

#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"

namespace wxident {

// What jscode2session answers.
struct CodeSession {
  std::string openid;
  // Empty when the mini program is bound to no Open Platform account.
  std::string unionid;
  // Base64 of 16 bytes, as WeChat sends it.
  Secret session_key;
};

// What stable_token and cgi-bin/token answer.
struct FetchedToken {
  Secret access_token;
  // Between 60 s and 7200 s, whatever WeChat said.
  absl::Duration expires_in;
};

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
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_WECHAT_API_H_

#ifndef WXIDENT_SERVER_SESSION_CODE_LOGINS_H_
#define WXIDENT_SERVER_SESSION_CODE_LOGINS_H_

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/random.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"
#include "server/store/identity_store.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// Turns one-time codes into sessions, each code once. WeChat takes a code one
// single time, while callers retry and race; so everything that is learned of
// a code is remembered for 5 minutes, the code's own life (wechat-api: codes
// live 5 min):
//  - calls that meet a code on its way join it and get the same answer;
//  - a call that comes later gets the answer again, or, if the answer only
//    said "try later", that the code is spent;
//  - once WeChat has answered, a failing store is asked again with what WeChat
//    said, and WeChat is not.
// A code is sent a second time only if nothing of it left the first time.
// Thread-safe. Must outlive every call it was given.
class CodeLogins {
 public:
  struct Answer {
    Secret session_token;
    SignedIn signed_in;
  };

  CodeLogins(WechatApi& wechat, IdentityStore& store, Clock& clock,
             Random& random);

  // `app` must outlive the call. `session_ttl` counts for the first call with
  // a code. Errors: those of WechatApi::ExchangeCode and of the store, and
  // LOGIN_CODE_CONSUMED for a code whose outcome was lost before.
  void Login(const App& app, Secret code, absl::Duration session_ttl,
             Deadline deadline, Done<Answer> done);

 private:
  struct Exchange;
  using ExchangePtr = std::shared_ptr<Exchange>;

  void OnExchanged(const App& app, ExchangePtr exchange,
                   absl::StatusOr<CodeSession> answer);
  void Record(ExchangePtr exchange, SignIn sign_in, Deadline deadline);
  void OnRecorded(ExchangePtr exchange, absl::StatusOr<SignedIn> answer);
  void ForgetOld();

  WechatApi& wechat_;
  IdentityStore& store_;
  Clock& clock_;
  Random& random_;

  // Guards what follows and the state of every Exchange; never held while
  // something is called.
  std::mutex mutex_;
  // By SHA-256 of app id and code: the codes themselves are not kept.
  std::unordered_map<std::string, ExchangePtr> exchanges_;
  // Since when each is known, oldest first.
  std::deque<std::pair<absl::Duration, ExchangePtr>> ages_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_SESSION_CODE_LOGINS_H_

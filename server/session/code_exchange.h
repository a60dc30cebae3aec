#ifndef WXIDENT_SERVER_SESSION_CODE_EXCHANGE_H_
#define WXIDENT_SERVER_SESSION_CODE_EXCHANGE_H_

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/base/timer.h"
#include "server/crypto/random.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"
#include "server/identity/authorized.h"
#include "server/store/identity_store.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// Turns one-time codes into sessions, each code once: a mini program's codes of
// wx.login, and every other app's codes of a web page. WeChat takes a code one
// single time, while callers retry and race; so what becomes of a code is
// remembered for 5 minutes, the code's own life (wechat-api: codes live 5 min):
//  - calls that meet a code on its way join it and get the same answer;
//  - a call that comes later gets the answer again as long as the session that
//    it gave is active, which the store says, or WeChat's final no;
//  - once WeChat has answered, a failing store is asked again with what WeChat
//    said, and WeChat is not.
// All that is for the caller who presented the code first: another caller's use
// of it is the use of a spent code. A code is sent a second time only by
// another caller, or if nothing of it left the first time. A code that has been
// answered leaves no token and no code in memory.
//
// The same holds between replicas. One that hears that the code has been used
// (40163) looks for the answer that the replica which used it stored, at once
// and some times more in the next 620 ms. If it finds none, or if a code's
// outcome was lost here, each later call with the code looks once more: what
// another replica stores later is found as long as the code would live. Any
// other no of WeChat's is final: it says that nobody can have an answer.
//
// Thread-safe. Must outlive every call it was given.
class CodeExchange {
 public:
  struct Answer {
    Secret session_token;
    SignedIn signed_in;
  };

  CodeExchange(WechatApi& wechat, IdentityStore& store, Timer& timer,
               Clock& clock, Random& random);

  // The kind of `app` says what kind of code this is.
  // `caller` is who calls, by certificate. `session_ttl` counts for the first
  // call with a code. Errors: those of WechatApi::ExchangeCode or
  // ExchangeOauthCode and of the store, and LOGIN_CODE_CONSUMED for a code
  // whose outcome was lost before, or whose session has ended.
  void Login(const AuthorizedApp& app, absl::string_view caller, Secret code,
             absl::Duration session_ttl, Deadline deadline, Done<Answer> done);

 private:
  struct Exchange;
  using ExchangePtr = std::shared_ptr<Exchange>;
  using Found = absl::StatusOr<std::optional<StoredAnswer>>;

  void Send(const App& app, Secret code, Deadline deadline,
            ExchangePtr exchange);
  void OnCodeSession(const App& app, ExchangePtr exchange,
                     absl::StatusOr<CodeSession> answer);
  void OnOauthSession(const App& app, ExchangePtr exchange,
                      absl::StatusOr<OauthSession> answer);
  void OnRefused(ExchangePtr exchange, const absl::Status& error);
  void OnConfirmed(const App& app, ExchangePtr exchange, SignIn sign_in);
  void Record(ExchangePtr exchange, SignIn sign_in, Deadline deadline);
  void OnRecorded(ExchangePtr exchange, absl::StatusOr<SignedIn> answer);

  // Looks for the stored answer, and once more after each of the pauses
  // from number `pause` on.
  void Look(ExchangePtr exchange, size_t pause);
  void OnLooked(ExchangePtr exchange, size_t pause, Found found);

  Deadline LatestDeadline(const Exchange& exchange);
  void ForgetOld();

  WechatApi& wechat_;
  IdentityStore& store_;
  Timer& timer_;
  Clock& clock_;
  Random& random_;

  // Guards what follows and the state of every Exchange; never held while
  // something is called.
  std::mutex mutex_;
  // By SHA-256 of app id, code and caller.
  std::unordered_map<std::string, ExchangePtr> exchanges_;
  // Since when each is known, oldest first.
  std::deque<std::pair<absl::Duration, ExchangePtr>> ages_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_SESSION_CODE_EXCHANGE_H_

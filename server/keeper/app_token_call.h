#ifndef WXIDENT_SERVER_KEEPER_APP_TOKEN_CALL_H_
#define WXIDENT_SERVER_KEEPER_APP_TOKEN_CALL_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"
#include "server/keeper/access_token.h"
#include "server/keeper/token_manager.h"
#include "server/keeper/vain_reports.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// Runs `call` with the app's access_token. When WeChat refuses that token, the
// keeper is told so, and `call` is run once more with the token it then has; a
// second refusal is the answer, and for a while the first one of `endpoint`,
// see VainReports. So `call` runs at most twice, the second time only when the
// first had no effect, and must keep what it needs for that.
//
//   CallWithAppToken<Phone>(
//       keeper, app, "getuserphonenumber", deadline,
//       [&wechat, &app, code, openid, deadline](Secret token,
//                                               Done<Phone> done) {
//         wechat.GetPhoneNumber(app, std::move(token), code, openid, deadline,
//                               std::move(done));
//       },
//       std::move(done));
//
// `keeper` and `app` must outlive it. `done` is called once, on any thread,
// with the error of the keeper or the answer of `call`. Both look at the time
// that is left, as every WechatApi operation does.
template <typename T>
class AppTokenCall {
 public:
  using Call = absl::AnyInvocable<void(Secret token, Done<T> done)>;

  // `endpoint` is a literal, WechatClient's name of what `call` asks.
  static void Start(TokenManager& keeper, const App& app,
                    absl::string_view endpoint, Deadline deadline, Call call,
                    Done<T> done) {
    Run(std::make_shared<AppTokenCall>(keeper, app, endpoint, deadline,
                                       std::move(call), std::move(done)),
        std::nullopt);
  }

  AppTokenCall(TokenManager& keeper, const App& app, absl::string_view endpoint,
               Deadline deadline, Call call, Done<T> done)
      : keeper_(keeper),
        app_(app),
        endpoint_(endpoint),
        deadline_(deadline),
        call_(std::move(call)),
        done_(std::move(done)) {}

 private:
  static void Run(std::shared_ptr<AppTokenCall> self,
                  std::optional<Secret> rejected) {
    AppTokenCall& run = *self;
    const bool last = rejected.has_value();
    run.keeper_.Get(run.app_, rejected, run.deadline_,
                    [self = std::move(self),
                     last](absl::StatusOr<AccessToken> token) mutable {
                      OnToken(std::move(self), last, std::move(token));
                    });
  }

  static void OnToken(std::shared_ptr<AppTokenCall> self, bool last,
                      absl::StatusOr<AccessToken> token) {
    AppTokenCall& run = *self;
    if (!token.ok()) {
      std::move(run.done_)(token.status());
      return;
    }
    Secret used = token->token;
    // `self` stays here too: call_ may answer before it returns.
    run.call_(std::move(token->token), [self, last, used = std::move(used)](
                                           absl::StatusOr<T> answer) mutable {
      const bool refused = IsTokenRefused(answer.status());
      if (refused && !last && self->MayReport())
        return Run(std::move(self), std::move(used));
      if (refused && last)
        self->Vain().Refused(self->app_.app_id, self->endpoint_);
      if (answer.ok()) self->Vain().Taken(self->app_.app_id, self->endpoint_);
      std::move(self->done_)(std::move(answer));
    });
  }

  VainReports& Vain() { return keeper_.vain_reports(); }
  bool MayReport() { return Vain().MayReport(app_.app_id, endpoint_); }

  TokenManager& keeper_;
  const App& app_;
  const absl::string_view endpoint_;
  const Deadline deadline_;
  Call call_;
  Done<T> done_;
};

template <typename T>
void CallWithAppToken(TokenManager& keeper, const App& app,
                      absl::string_view endpoint, Deadline deadline,
                      typename AppTokenCall<T>::Call call, Done<T> done) {
  AppTokenCall<T>::Start(keeper, app, endpoint, deadline, std::move(call),
                         std::move(done));
}

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEEPER_APP_TOKEN_CALL_H_

#ifndef WXIDENT_SERVER_KEEPER_TOKEN_MANAGER_H_
#define WXIDENT_SERVER_KEEPER_TOKEN_MANAGER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/base/in_flight.h"
#include "server/base/metrics.h"
#include "server/base/timer.h"
#include "server/crypto/random.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"
#include "server/keeper/access_token.h"
#include "server/keeper/credential_keeper.h"
#include "server/keeper/vain_reports.h"
#include "server/store/credential_store.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// Keeps the one valid access_token and the jsapi_ticket of each app, together
// with the keepers of all other replicas: whoever gets the lease in the store
// fetches, everybody else hears of it by reading the store's rows every 0.4 s.
// What is valid is handed out from memory; it is replaced some minutes before
// it expires, and readers get the old one meanwhile. ARCHITECTURE.md tells the
// life of a token; docs/adr/0004 what happens to lost replies.
//
// While the store cannot be asked, what is in memory serves until less than
// 60 s are left of it; then this replica fetches for itself, once, with
// generation 0. A failing fetch is repeated, by whichever replica, after 1 s,
// 2 s, ... 30 s; after 30 s when asking again cannot help.
// Thread-safe.
class TokenManager {
 public:
  // All must outlive the keeper.
  TokenManager(const Apps& apps, WechatApi& wechat, CredentialStore& store,
               Timer& timer, Clock& clock, Random& random, Metrics& metrics);
  ~TokenManager();

  // Begins to follow the store and to refresh what is due.
  void Start();

  // `app` is one of `apps`. Answers inline while the token is valid.
  // `rejected` is a token that WeChat has refused: if it is the newest of all
  // replicas, it is replaced first, by force when WeChat insists on it; within
  // WeChat's budget for that, else TOKEN_BUDGET_EXHAUSTED. One that was
  // replaced already changes nothing.
  // Errors: those of WechatApi::FetchToken, STORE_UNAVAILABLE, and
  // DEADLINE_PASSED for who has waited that long. What is fetched goes on then,
  // for others.
  void Get(const App& app, const std::optional<Secret>& rejected,
           Deadline deadline, Done<AccessToken> done);

  // The jsapi_ticket; its generation and times are its own. Only of official
  // accounts.
  void GetTicket(const App& app, Deadline deadline, Done<AccessToken> done);

  // Replaces the access_token whatever life it has left, in stable mode by
  // force. Callers at once share one refresh.
  void Refresh(const App& app, Done<AccessToken> done);

  // Hears of tokens. Called on any thread, one call at a time, and must not
  // block; not with a generation that it was called with already. Tokens that
  // follow fast upon each other may be left out, but for the newest.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void OnToken(const AccessToken& token) = 0;
    // The last call, when the first token cannot be had or, with OK, from
    // EndWatches.
    virtual void OnEnd(const absl::Status& status) = 0;
  };
  // The watcher is kept until OnEnd or Unwatch.
  void Watch(const App& app, std::shared_ptr<Watcher> watcher);
  // No call begins after it returns; one may still run.
  void Unwatch(const App& app, const Watcher* watcher);
  // Ends all watches, and at once those that come later.
  void EndWatches();

  // Of GetAppStatus; straight from the store.
  struct AppState {
    CredentialState token;
    // Of official accounts.
    std::optional<CredentialState> ticket;
  };
  void GetState(const App& app, Deadline deadline, Done<AppState> done);

  // Of calls with an app's token, see app_token_call.h.
  VainReports& vain_reports() { return vain_reports_; }

  // Waits for the fetches under way, at most 12 s, and follows the store no
  // more. To be called when nobody calls anything else any more, while WeChat,
  // the store and the timer still work.
  void Stop();

 private:
  class Watchers;
  struct Kept;

  Kept& KeptOf(const App& app);
  void FollowLater();
  void Follow();

  CredentialStore& store_;
  Timer& timer_;
  Clock& clock_;
  const std::shared_ptr<InFlight> in_flight_;
  VainReports vain_reports_;
  // By app id.
  std::map<std::string, std::unique_ptr<Kept>> kept_;
  // Every keeper of kept_.
  std::vector<CredentialKeeper*> keepers_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEEPER_TOKEN_MANAGER_H_

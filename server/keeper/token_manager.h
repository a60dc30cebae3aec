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

// Keeps the valid access_token and the jsapi_ticket of each app, the same on
// all replicas. Thread-safe.
//
// The replica that gets the lease in the store fetches a new value and saves
// it. The others read the store's rows every 0.4 s and so hear of it. A value
// is replaced some minutes before it expires; until then readers get the old
// one, from memory. A fetch that fails is repeated, by any replica, after 1 s,
// 2 s,
// ... 30 s; after 30 s when asking again cannot help.
//
// While the store does not answer, the value in memory serves. When less than
// 60 s of its life are left, this replica fetches one for itself, once: the
// local fallback, which has generation 0.
//
// ARCHITECTURE.md tells the life of a token, docs/adr/0004 what happens when
// WeChat's reply is lost.
class TokenManager {
 public:
  // All references must outlive the manager.
  TokenManager(const Apps& apps, WechatApi& wechat, CredentialStore& store,
               Timer& timer, Clock& clock, Random& random, Metrics& metrics);
  ~TokenManager();

  // Begins to read the store's rows and to refresh what is due.
  void Start();

  // Gives the access_token of `app`, which is one of `apps`. Calls `done` once,
  // before it returns while the token is valid, else on any thread.
  //
  // `rejected` is a token that WeChat has refused. If it is the newest token of
  // all replicas, it is replaced first; if WeChat returns the same one, by
  // force. A token that was replaced already changes nothing.
  //
  // Fails with the errors of WechatApi::FetchToken, with STORE_UNAVAILABLE,
  // with TOKEN_BUDGET_EXHAUSTED if WeChat allows no further fetch, and with
  // DEADLINE_PASSED for who has waited that long. What is fetched goes on then,
  // for others.
  void Get(const App& app, const std::optional<Secret>& rejected,
           Deadline deadline, Done<AccessToken> done);

  // The same of the jsapi_ticket, which has a generation and times of its own.
  // Only for official accounts.
  void GetTicket(const App& app, Deadline deadline, Done<AccessToken> done);

  // Replaces the access_token, whatever life it has left; in stable mode by
  // force. Calls that come together share one refresh.
  void Refresh(const App& app, Done<AccessToken> done);

  // Hears of new tokens. It is called on any thread, one call at a time, and
  // must not block. It hears each generation at most once. If tokens follow
  // fast upon each other, it may hear of the newest alone.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void OnToken(const AccessToken& token) = 0;
    // The last call: with an error if the first token cannot be had, with OK
    // because of EndWatches.
    virtual void OnEnd(const absl::Status& status) = 0;
  };
  // Keeps `watcher` until OnEnd or Unwatch.
  void Watch(const App& app, std::shared_ptr<Watcher> watcher);
  // Removes `watcher`. No call of it begins after this has returned; one may
  // still run.
  void Unwatch(const App& app, const Watcher* watcher);
  // Ends all watches; those that come later end at once.
  void EndWatches();

  // What the store knows of an app's credentials.
  struct AppState {
    CredentialState token;
    // Of official accounts.
    std::optional<CredentialState> ticket;
  };
  void GetState(const App& app, Deadline deadline, Done<AppState> done);

  // Of calls with an app's token, see app_token_call.h.
  VainReports& vain_reports() { return vain_reports_; }

  // Reads the store no more and waits for the fetches in flight, at most 12 s.
  // To be called once nobody calls anything else, while WeChat's client, the
  // store and the timer still work.
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

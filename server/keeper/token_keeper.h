#ifndef WXIDENT_SERVER_KEEPER_TOKEN_KEEPER_H_
#define WXIDENT_SERVER_KEEPER_TOKEN_KEEPER_H_

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/done.h"
#include "server/crypto/random.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"
#include "server/store/token_store.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// Keeps the one valid access_token of each app. It is fetched once however
// many ask, handed out from memory, kept in the store across restarts, and
// replaced some minutes before it expires, while readers still get the old one;
// so readers wait only when no valid token exists. A failing fetch is repeated
// after 1 s, 2 s, ... 30 s; 30 s at once when WeChat refuses the app's own
// settings, for asking again cannot help.
// Thread-safe. Must outlive every call it was given.
class TokenKeeper {
 public:
  // `apps` must outlive the keeper.
  TokenKeeper(const Apps& apps, WechatApi& wechat, TokenStore& store,
              Clock& clock, Random& random);
  ~TokenKeeper();

  // `app` is one of `apps`. Answers inline while the token is valid.
  // `rejected` is a token that WeChat has refused: if it is the present one, a
  // new one is fetched first, by force when WeChat insists on the old one;
  // WeChat allows that 20 times a day and 30 s apart, and beyond it the answer
  // is TOKEN_BUDGET_EXHAUSTED. Any other `rejected` is ignored, for it has been
  // replaced already. Errors: those of WechatApi::FetchToken.
  // A fetch takes at most 5 s and serves all who wait.
  void Get(const App& app, const std::optional<Secret>& rejected,
           Done<AccessToken> done);

  // Starts the replacement of each token that is due. Call it about once a
  // second.
  void RefreshDue();

  // Waits for the fetches under way, at most 5 s each. To be called when nobody
  // calls Get or RefreshDue any more, while WeChat and the store still answer.
  void Stop();

 private:
  struct Slot;

  Slot& SlotOf(const App& app);
  // Each of these begins one step of a slot's only flight, without the lock.
  void Load(Slot& slot);
  void OnLoaded(Slot& slot, absl::StatusOr<std::optional<AccessToken>> found);
  void Fetch(Slot& slot, bool force);
  void OnFetched(Slot& slot, bool force, absl::StatusOr<FetchedToken> answer);
  // With `fresh`, the flight has brought a token that is not stored yet.
  void EndFlight(Slot& slot, absl::Status error,
                 std::optional<AccessToken> fresh = std::nullopt);
  void Answer(Slot& slot, const absl::Status& error);
  void Save(const Slot& slot, AccessToken token);
  void BeginFlight();
  absl::Status TakeForcedFetch(Slot& slot);
  void PlanRefresh(Slot& slot);

  WechatApi& wechat_;
  TokenStore& store_;
  Clock& clock_;
  Random& random_;
  std::map<std::string, std::unique_ptr<Slot>> slots_;

  std::mutex flights_mutex_;
  std::condition_variable no_flights_;
  int flights_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEEPER_TOKEN_KEEPER_H_

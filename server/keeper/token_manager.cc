#include "server/keeper/token_manager.h"

#include <utility>

#include "server/keeper/app_token_call.h"
#include "server/keeper/watchers.h"

namespace wxident {
namespace {

// How often the store's rows are read, so that a replica hears of another's
// token within a second.
constexpr absl::Duration kFollowEvery = absl::Milliseconds(400);
constexpr absl::Duration kReadBudget = absl::Seconds(2);

CredentialKind KindOf(const App& app) {
  return app.token_mode == TokenMode::kStable ? CredentialKind::kStableToken
                                              : CredentialKind::kOrdinaryToken;
}

}  // namespace

// What is kept for one app.
struct TokenManager::Kept {
  Kept(TokenManager& owner, const App& app, WechatApi& wechat,
       const CredentialKeeper::Parts& parts)
      : token(
            {app.app_id, KindOf(app)},
            [&app, &wechat](bool force, Deadline deadline,
                            Done<FetchedToken> done) {
              wechat.FetchToken(app, force, deadline, std::move(done));
            },
            parts, [this] { watchers.TellAll(); }),
        watchers([this] { return token.Held(); }) {
    if (app.kind != AppKind::kOfficialAccount) return;
    ticket.emplace(
        CredentialKey{app.app_id, CredentialKind::kJsapiTicket},
        [&owner, &app, &wechat](bool, Deadline deadline,
                                Done<FetchedToken> done) {
          CallWithAppToken<FetchedToken>(
              owner, app, "getticket", deadline,
              [&app, &wechat, deadline](Secret token, Done<FetchedToken> done) {
                wechat.FetchTicket(app, std::move(token), deadline,
                                   std::move(done));
              },
              std::move(done));
        },
        parts, [] {});
  }

  CredentialKeeper token;
  // Of official accounts.
  std::optional<CredentialKeeper> ticket;
  Watchers watchers;
};

TokenManager::TokenManager(const Apps& apps, WechatApi& wechat,
                           CredentialStore& store, Timer& timer, Clock& clock,
                           Random& random, Metrics& metrics)
    : store_(store),
      timer_(timer),
      clock_(clock),
      in_flight_(std::make_shared<InFlight>()),
      vain_reports_(clock) {
  const CredentialKeeper::Parts parts{store,  timer,   clock,
                                      random, metrics, in_flight_};
  for (const auto& [id, app] : apps.all()) {
    auto kept = std::make_unique<Kept>(*this, app, wechat, parts);
    keepers_.push_back(&kept->token);
    if (kept->ticket.has_value()) keepers_.push_back(&*kept->ticket);
    kept_.emplace(id, std::move(kept));
  }
}

TokenManager::~TokenManager() { Stop(); }

void TokenManager::Start() { Follow(); }

void TokenManager::Get(const App& app, const std::optional<Secret>& rejected,
                       Deadline deadline, Done<AccessToken> done) {
  KeptOf(app).token.Get(rejected, deadline, std::move(done));
}

void TokenManager::GetTicket(const App& app, Deadline deadline,
                             Done<AccessToken> done) {
  KeptOf(app).ticket->Get(std::nullopt, deadline, std::move(done));
}

void TokenManager::Refresh(const App& app, Done<AccessToken> done) {
  KeptOf(app).token.Replace(std::move(done));
}

void TokenManager::Watch(const App& app, std::shared_ptr<Watcher> watcher) {
  Kept& kept = KeptOf(app);
  std::shared_ptr<Watchers::Entry> entry =
      kept.watchers.Add(std::move(watcher));
  if (entry == nullptr || kept.watchers.Told(*entry)) return;
  kept.token.Get(std::nullopt, std::nullopt,
                 [&kept, entry](absl::StatusOr<AccessToken> token) {
                   kept.watchers.Tell(*entry);
                   if (!token.ok() && !kept.watchers.Told(*entry))
                     kept.watchers.End(*entry, token.status());
                 });
}

void TokenManager::Unwatch(const App& app, const Watcher* watcher) {
  KeptOf(app).watchers.Remove(watcher);
}

void TokenManager::EndWatches() {
  for (const auto& [id, kept] : kept_) kept->watchers.EndAll();
}

void TokenManager::GetState(const App& app, Deadline deadline,
                            Done<AppState> done) {
  Kept& kept = KeptOf(app);
  std::vector<KnownCredential> asked = {kept.token.known()};
  if (kept.ticket.has_value()) asked.push_back(kept.ticket->known());
  store_.Read(std::move(asked), deadline,
              [done = std::move(done)](
                  absl::StatusOr<std::vector<CredentialState>> states) mutable {
                if (!states.ok()) return std::move(done)(states.status());
                AppState state{std::move(states->front()), std::nullopt};
                if (states->size() > 1)
                  state.ticket = std::move(states->back());
                std::move(done)(std::move(state));
              });
}

void TokenManager::Stop() {
  EndWatches();
  in_flight_->Stop();
}

TokenManager::Kept& TokenManager::KeptOf(const App& app) {
  return *kept_.at(app.app_id);
}

void TokenManager::FollowLater() {
  timer_.After(kFollowEvery, [this, in_flight = in_flight_] {
    // Stop may have been called, and the keeper be gone.
    if (!in_flight->Begin()) return;
    Follow();
    in_flight->End();
  });
}

void TokenManager::Follow() {
  if (!in_flight_->Begin()) return;
  std::vector<KnownCredential> asked;
  asked.reserve(keepers_.size());
  for (const CredentialKeeper* keeper : keepers_)
    asked.push_back(keeper->known());
  const absl::Duration now = clock_.Monotonic();
  store_.Read(std::move(asked), Deadline::After(kReadBudget, clock_),
              [this, now, in_flight = in_flight_](
                  absl::StatusOr<std::vector<CredentialState>> states) {
                for (size_t i = 0; i < keepers_.size(); ++i) {
                  if (states.ok())
                    keepers_[i]->Observe(std::move((*states)[i]), now);
                  else
                    keepers_[i]->ObserveStoreLost();
                }
                FollowLater();
                in_flight->End();
              });
}

}  // namespace wxident

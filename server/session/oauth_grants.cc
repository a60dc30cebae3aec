#include "server/session/oauth_grants.h"

#include <utility>
#include <variant>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/base/log.h"
#include "server/base/single_flight.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

// A token with less life than this is refreshed before it is given away.
constexpr absl::Duration kLeastLife = absl::Minutes(1);

// A flight's own budgets: it serves many callers, so no single caller's
// deadline may end it.
constexpr absl::Duration kRefreshBudget = absl::Seconds(5);
constexpr absl::Duration kStoreBudget = absl::Seconds(2);

absl::Status GrantExpiredError(absl::string_view what) {
  return Error(Reason::kOauthGrantExpired,
               std::string(what) +
                   "; send the person through GetAuthorizeUrl again")
      .ToStatus();
}

absl::Status OtherPersonError() {
  return Error(Reason::kWechatBadResponse,
               "WeChat answered for another openid; retry")
      .ToStatus();
}

absl::Status AppGoneError() {
  return Error(Reason::kAppUnknown,
               "the identity's app is no longer in the server's configuration")
      .ToStatus();
}

// Whether WeChat has not decided anything.
bool IsPassing(const absl::Status& error) {
  return absl::IsUnavailable(error) || absl::IsDeadlineExceeded(error) ||
         absl::IsResourceExhausted(error);
}

bool GivesProfile(absl::string_view scopes) {
  for (absl::string_view scope : absl::StrSplit(scopes, ','))
    if (scope == "snsapi_userinfo" || scope == "snsapi_login") return true;
  return false;
}

}  // namespace

struct OauthGrants::Waiter {
  std::optional<Secret> rejected;
  Done<StoredGrant> done;
};

// The refresh of one identity's grant. It reads the store first, which has
// what an earlier flight brought.
struct OauthGrants::Flight {
  Identity identity;
  SingleFlight<Waiter> single;
  // Known after Load.
  std::optional<StoredGrant> stored;
};

struct OauthGrants::ProfileFetch {
  std::string language;
  Deadline deadline;
  Done<OauthProfile> done;
  bool refreshed = false;
  StoredGrant grant;
};

OauthGrants::OauthGrants(const Apps& apps, WechatApi& wechat, GrantStore& store,
                         Clock& clock)
    : apps_(apps), wechat_(wechat), store_(store), clock_(clock) {}

void OauthGrants::GetToken(ProfileQuery query, std::optional<Secret> rejected,
                           Deadline deadline, Done<WebToken> done) {
  GetGrant(std::move(query), Use::kToken, std::move(rejected), deadline,
           [done = std::move(done)](absl::StatusOr<StoredGrant> found) mutable {
             if (!found.ok()) return std::move(done)(found.status());
             std::move(done)(WebToken{std::move(found->user),
                                      std::move(found->identity),
                                      std::move(found->grant->access_token),
                                      found->grant->access_expires_at});
           });
}

void OauthGrants::FetchProfile(ProfileQuery query, std::string language,
                               Deadline deadline, Done<OauthProfile> done) {
  auto fetch = std::make_shared<ProfileFetch>(
      ProfileFetch{std::move(language), deadline, std::move(done)});
  GetGrant(std::move(query), Use::kProfile, std::nullopt, deadline,
           [this, fetch](absl::StatusOr<StoredGrant> grant) {
             OnProfileGrant(fetch, std::move(grant));
           });
}

void OauthGrants::OnProfileGrant(FetchPtr fetch,
                                 absl::StatusOr<StoredGrant> grant) {
  if (!grant.ok()) return std::move(fetch->done)(grant.status());
  const App* app = apps_.Find(grant->identity.app_id);
  if (app == nullptr) return std::move(fetch->done)(AppGoneError());
  fetch->grant = *std::move(grant);
  wechat_.GetOauthProfile(
      *app, fetch->grant.grant->access_token, fetch->grant.identity.openid,
      fetch->language, fetch->deadline,
      [this, fetch](absl::StatusOr<FetchedProfile> profile) {
        OnProfile(fetch, std::move(profile));
      });
}

void OauthGrants::OnProfile(FetchPtr fetch,
                            absl::StatusOr<FetchedProfile> profile) {
  StoredGrant& grant = fetch->grant;
  if (profile.ok()) {
    if (profile->openid != grant.identity.openid)
      return std::move(fetch->done)(OtherPersonError());
    if (!profile->unionid.empty())
      grant.identity.unionid = std::move(profile->unionid);
    return std::move(fetch->done)(OauthProfile{std::move(grant.user),
                                               std::move(grant.identity),
                                               std::move(profile->profile)});
  }
  if (!IsTokenRefused(profile.status()))
    return std::move(fetch->done)(profile.status());
  if (std::exchange(fetch->refreshed, true))
    return std::move(fetch->done)(
        GrantExpiredError("WeChat refuses a fresh access_token too"));
  const Identity& identity = grant.identity;
  GetGrant(ByOpenid{identity.app_id, identity.openid}, Use::kProfile,
           grant.grant->access_token, fetch->deadline,
           [this, fetch](absl::StatusOr<StoredGrant> fresh) {
             OnProfileGrant(fetch, std::move(fresh));
           });
}

absl::StatusOr<StoredGrant> OauthGrants::Checked(const ProfileQuery& query,
                                                 Use use, Found found) {
  if (!found.ok()) return found.status();
  if (!found->has_value()) {
    if (std::holds_alternative<BySession>(query))
      return Error(Reason::kSessionNotActive,
                   "the session token is unknown, expired or revoked; log in "
                   "again")
          .ToStatus();
    return Error(Reason::kUserNotFound,
                 "no user has this identity_ref; it has never logged in")
        .ToStatus();
  }
  if (!(*found)->grant.has_value())
    return GrantExpiredError("this identity has no web authorisation");
  if (use == Use::kProfile && !GivesProfile((*found)->grant->scope))
    return Error(Reason::kOauthScopeInsufficient,
                 "the person authorised snsapi_base only, which gives no "
                 "profile; send the person through GetAuthorizeUrl with "
                 "snsapi_userinfo")
        .ToStatus();
  return **std::move(found);
}

bool OauthGrants::IsDue(const OauthGrant& grant) {
  return grant.access_expires_at - clock_.Now() < kLeastLife;
}

void OauthGrants::GetGrant(ProfileQuery query, Use use,
                           std::optional<Secret> rejected, Deadline deadline,
                           Done<StoredGrant> done) {
  ProfileQuery asked = query;
  store_.FindGrant(
      std::move(query), deadline,
      [this, asked = std::move(asked), use, rejected = std::move(rejected),
       done = std::move(done)](Found found) mutable {
        absl::StatusOr<StoredGrant> stored =
            Checked(asked, use, std::move(found));
        if (!stored.ok() ||
            (!IsDue(*stored->grant) && rejected != stored->grant->access_token))
          return std::move(done)(std::move(stored));
        Join(stored->identity, std::move(rejected), std::move(done));
      });
}

void OauthGrants::Join(const Identity& identity, std::optional<Secret> rejected,
                       Done<StoredGrant> done) {
  FlightPtr flight;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    FlightPtr& known = flights_[{identity.app_id, identity.openid}];
    if (known == nullptr) {
      known = std::make_shared<Flight>();
      known->identity = identity;
    }
    if (!known->single.Begin({std::move(rejected), std::move(done)})) return;
    flight = known;
  }
  Load(std::move(flight));
}

void OauthGrants::Load(FlightPtr flight) {
  const Identity& identity = flight->identity;
  store_.FindGrant(
      ByOpenid{identity.app_id, identity.openid},
      Deadline::After(kStoreBudget, clock_),
      [this, flight](Found found) { OnLoaded(flight, std::move(found)); });
}

void OauthGrants::OnLoaded(FlightPtr flight, Found found) {
  absl::StatusOr<StoredGrant> stored =
      Checked(ByOpenid{}, Use::kToken, std::move(found));
  if (!stored.ok())
    return EndFlight(std::move(flight), stored.status(), /*refreshed=*/false);
  flight->stored = *std::move(stored);
  const OauthGrant& grant = *flight->stored->grant;
  bool wanted = IsDue(grant);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const Waiter& waiter : flight->single.waiters())
      wanted = wanted || waiter.rejected == grant.access_token;
  }
  if (!wanted)
    return EndFlight(std::move(flight), absl::OkStatus(), /*refreshed=*/false);
  Refresh(std::move(flight));
}

void OauthGrants::Refresh(FlightPtr flight) {
  const OauthGrant& grant = *flight->stored->grant;
  if (grant.refresh_expires_at <= clock_.Now())
    return EndFlight(std::move(flight),
                     GrantExpiredError("the web authorisation has expired"),
                     /*refreshed=*/false);
  const App* app = apps_.Find(flight->identity.app_id);
  if (app == nullptr)
    return EndFlight(std::move(flight), AppGoneError(), /*refreshed=*/false);
  wechat_.RefreshOauthGrant(*app, grant.refresh_token,
                            Deadline::After(kRefreshBudget, clock_),
                            [this, flight](absl::StatusOr<OauthSession> fresh) {
                              OnRefreshed(flight, std::move(fresh));
                            });
}

void OauthGrants::OnRefreshed(FlightPtr flight,
                              absl::StatusOr<OauthSession> answer) {
  if (!answer.ok())
    return EndFlight(std::move(flight), answer.status(), /*refreshed=*/false);
  if (answer->openid != flight->identity.openid)
    return EndFlight(std::move(flight), OtherPersonError(),
                     /*refreshed=*/false);
  OauthGrant& grant = *flight->stored->grant;
  grant.access_token = std::move(answer->access_token);
  grant.access_expires_at = clock_.Now() + answer->expires_in;
  grant.refresh_token = std::move(answer->refresh_token);
  grant.scope = std::move(answer->scope);
  store_.SaveGrant(
      flight->identity, grant, Deadline::After(kStoreBudget, clock_),
      [this, flight](absl::Status saved) { OnSaved(flight, saved); });
}

void OauthGrants::OnSaved(FlightPtr flight, const absl::Status& saved) {
  // The token is good for those who wait; who comes later refreshes again.
  if (!saved.ok())
    Log(LogLevel::kWarning, "web grant not stored",
        {{"app_id", flight->identity.app_id},
         {"reason", std::string(ReasonName(DetailsOf(saved).reason))}});
  EndFlight(std::move(flight), absl::OkStatus(), /*refreshed=*/true);
}

void OauthGrants::EndFlight(FlightPtr flight, const absl::Status& error,
                            bool refreshed) {
  const std::optional<StoredGrant> stored = flight->stored;
  std::vector<Waiter> answered;
  bool again = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (Waiter& waiter : flight->single.Finish()) {
      // Came after the stored token was looked at, and wants another one.
      const bool stays = error.ok() && !refreshed &&
                         waiter.rejected == stored->grant->access_token;
      if (!stays)
        answered.push_back(std::move(waiter));
      else if (flight->single.Begin(std::move(waiter)))
        again = true;
    }
    if (!again)
      flights_.erase({flight->identity.app_id, flight->identity.openid});
  }
  for (Waiter& waiter : answered) {
    const bool rejected =
        stored.has_value() && waiter.rejected == stored->grant->access_token;
    if (error.ok() && rejected)
      std::move(waiter.done)(
          GrantExpiredError("WeChat insists on the refused access_token"));
    else if (error.ok() ||
             (IsPassing(error) && stored.has_value() && !rejected &&
              stored->grant->access_expires_at > clock_.Now()))
      std::move(waiter.done)(*stored);
    else
      std::move(waiter.done)(error);
  }
  if (again) Load(std::move(flight));
}

}  // namespace wxident

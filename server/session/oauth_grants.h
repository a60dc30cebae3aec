#ifndef WXIDENT_SERVER_SESSION_OAUTH_GRANTS_H_
#define WXIDENT_SERVER_SESSION_OAUTH_GRANTS_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"
#include "server/identity/types.h"
#include "server/store/grant_store.h"
#include "server/store/profile_store.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// The web authorisations that persons gave: keeps each one's access_token
// usable. A token near its end is refreshed when it is asked for, once however
// many ask in this process, and stored; while WeChat cannot be asked, what is
// left of the old one serves. WeChat tolerates that two replicas refresh one
// grant at a time, and the store keeps the one that ends later.
// Thread-safe. Must outlive every call it was given.
class OauthGrants {
 public:
  // A person's web access_token with whose it is.
  struct WebToken {
    User user;
    Identity identity;
    Secret token;
    absl::Time expires_at;
  };

  struct OauthProfile {
    User user;
    // With the unionid that came with the profile, or else the known one.
    Identity identity;
    Profile profile;
  };

  OauthGrants(const Apps& apps, WechatApi& wechat, GrantStore& store,
              Clock& clock);

  // `rejected` is a token that WeChat has refused: if it is the present one it
  // is refreshed first. Errors: SESSION_NOT_ACTIVE or USER_NOT_FOUND, as the
  // query was; OAUTH_GRANT_EXPIRED when there is no grant, WeChat takes it no
  // more, or insists on the rejected token; those of
  // WechatApi::RefreshOauthGrant and of the store.
  void GetToken(ProfileQuery query, std::optional<Secret> rejected,
                Deadline deadline, Done<WebToken> done);

  // What WeChat says of the person now. Nothing is stored. A token that WeChat
  // refuses is refreshed once. Errors: those of GetToken and
  // WechatApi::GetOauthProfile, and OAUTH_SCOPE_INSUFFICIENT for a grant of
  // snsapi_base.
  void FetchProfile(ProfileQuery query, std::string language, Deadline deadline,
                    Done<OauthProfile> done);

 private:
  using IdentityKey = std::pair<std::string, std::string>;
  struct Waiter;
  struct Flight;
  struct ProfileFetch;
  using FlightPtr = std::shared_ptr<Flight>;
  using FetchPtr = std::shared_ptr<ProfileFetch>;
  using Found = absl::StatusOr<std::optional<StoredGrant>>;

  enum class Use { kToken, kProfile };

  static absl::StatusOr<StoredGrant> Checked(const ProfileQuery& query, Use use,
                                             Found found);
  bool IsDue(const OauthGrant& grant);
  // The stored grant with a token that is not due and not `rejected`.
  void GetGrant(ProfileQuery query, Use use, std::optional<Secret> rejected,
                Deadline deadline, Done<StoredGrant> done);
  void Join(const Identity& identity, std::optional<Secret> rejected,
            Done<StoredGrant> done);

  // The steps of an identity's only flight.
  void Load(FlightPtr flight);
  void OnLoaded(FlightPtr flight, Found found);
  void Refresh(FlightPtr flight);
  void OnRefreshed(FlightPtr flight, absl::StatusOr<OauthSession> answer);
  void OnSaved(FlightPtr flight, const absl::Status& saved);
  void EndFlight(FlightPtr flight, const absl::Status& error, bool refreshed);

  void OnProfileGrant(FetchPtr fetch, absl::StatusOr<StoredGrant> grant);
  void OnProfile(FetchPtr fetch, absl::StatusOr<FetchedProfile> profile);

  const Apps& apps_;
  WechatApi& wechat_;
  GrantStore& store_;
  Clock& clock_;

  // Guards the map and the waiters of every flight; never held while something
  // is called.
  std::mutex mutex_;
  std::map<IdentityKey, FlightPtr> flights_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_SESSION_OAUTH_GRANTS_H_

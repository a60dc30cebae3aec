#ifndef WXIDENT_SERVER_RPC_SERVICES_H_
#define WXIDENT_SERVER_RPC_SERVICES_H_

#include "absl/time/time.h"
#include "server/audit/audit_log.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/base/wall_clocks.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/random.h"
#include "server/identity/apps.h"
#include "server/keeper/token_keeper.h"
#include "server/keys/key_ring_reload.h"
#include "server/keys/reencryptor.h"
#include "server/policy/access_control.h"
#include "server/rpc/caller.h"
#include "server/session/code_logins.h"
#include "server/session/oauth_grants.h"
#include "server/session/refusal_limit.h"
#include "server/session/session_checks.h"
#include "server/store/identity_store.h"
#include "server/store/key_store.h"
#include "server/store/profile_store.h"
#include "server/store/session_store.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// What the RPCs work with. All of it outlives every call.
struct Services {
  Callers& callers;
  AccessControl& access;
  // nullptr: no audit log is kept.
  AuditLog* audit;
  // Whether nothing that AuditedAs names leaves without its line.
  bool audit_required;
  const KeyRing& key_ring;
  KeyStore& keys;
  KeyRingReload& ring_reload;
  Reencryptor& reencryptor;

  const Apps& apps;
  CodeLogins& logins;
  SessionChecks& session_checks;
  RefusalLimit& refusals;
  OauthGrants& grants;
  TokenKeeper& tokens;
  IdentityStore& identities;
  SessionStore& sessions;
  ProfileStore& profiles;
  WechatApi& wechat;
  Clock& clock;
  WallClocks& wall_clocks;
  Random& random;
  Metrics& metrics;

  absl::Duration default_session_ttl;
  absl::Duration max_session_ttl;
  absl::Duration session_max_age;
  absl::Duration session_refresh_overlap;
  absl::Duration open_data_max_age;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_SERVICES_H_

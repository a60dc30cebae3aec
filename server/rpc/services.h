#ifndef WXIDENT_SERVER_RPC_SERVICES_H_
#define WXIDENT_SERVER_RPC_SERVICES_H_

#include "absl/time/time.h"
#include "server/audit/audit_log.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/random.h"
#include "server/identity/apps.h"
#include "server/keeper/token_manager.h"
#include "server/keys/key_ring_reload.h"
#include "server/keys/reencryptor.h"
#include "server/person/person_flows.h"
#include "server/policy/access_control.h"
#include "server/rpc/caller.h"
#include "server/session/code_exchange.h"
#include "server/session/oauth_grants.h"
#include "server/session/session_cache.h"
#include "server/session/session_changes.h"
#include "server/store/identity_store.h"
#include "server/store/key_store.h"
#include "server/store/profile_store.h"
#include "server/store/session_store.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// What the steps of calls work with. All of it outlives every call.
struct Flows {
  CodeExchange& code_exchange;
  SessionChanges& session_changes;
  PersonFlows& person;
  OauthGrants& grants;
  TokenManager& tokens;
  WechatApi& wechat;

  const KeyRing& key_ring;
  KeyStore& keys;
  KeyRingReload& ring_reload;
  Reencryptor& reencryptor;

  Clock& clock;
  Random& random;
  Metrics& metrics;

  absl::Duration default_session_ttl;
  absl::Duration max_session_ttl;
};

// What every RPC works with. The guard's part is RpcContext's and UnaryCall's:
// calls get at apps, sessions and people through them.
struct Services {
  Callers& callers;
  AccessControl& access;
  // nullptr: no audit log is kept.
  AuditLog* audit;
  // Whether nothing whose line must come first leaves without it.
  bool audit_required;
  const Apps& apps;
  SessionCache& session_cache;
  SessionStore& sessions;
  IdentityStore& identities;
  ProfileStore& profiles;

  const KeyRing& key_ring;
  Clock& clock;
  Random& random;
  Metrics& metrics;
  Flows flows;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_SERVICES_H_

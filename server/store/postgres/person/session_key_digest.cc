#include "server/store/postgres/person/session_key_digest.h"

namespace wxident {
namespace {

std::string Digest(const BlindIndex& key, const Identity& identity,
                   const Secret& session_key) {
  return key.Mac(
      {"session_keys", identity.app_id, identity.openid, session_key.Expose()});
}

}  // namespace

SessionKeyDigest::SessionKeyDigest(const BlindIndex& index)
    : digest_(index.Derive("session_keys.key_digest")), former_(index) {}

std::string SessionKeyDigest::Of(const Identity& identity,
                                 const Secret& session_key) const {
  return Digest(digest_, identity, session_key);
}

std::string SessionKeyDigest::FormerOf(const Identity& identity,
                                       const Secret& session_key) const {
  return Digest(former_, identity, session_key);
}

}  // namespace wxident

#include "server/callers/tls_callers.h"

#include <memory>

#include "server/identity/error.h"
#include "server/policy/caller_uri.h"

namespace wxident {
namespace {

absl::Status Nobody(absl::string_view why) {
  return Error(Reason::kCallerUnauthenticated, why).ToStatus();
}

}  // namespace

absl::StatusOr<std::string> TlsCallers::IdentifyPeer(const EdgePeer& peer) {
  if (peer.certificates.empty())
    return Nobody("the connection has no client certificate");
  const Certificate& own = peer.certificates.front();
  if (own.uris.size() != 1 || !IsCallerUri(own.uris.front()))
    return Nobody(
        "the client certificate must hold exactly one URI in its "
        "subjectAltName, and that is the caller; get one that does");
  if (clock_.Now() > own.not_after + kOverlap)
    return Nobody("the client certificate has ended; connect with a new one");
  const std::shared_ptr<const TlsSnapshot> tls = files_.newest();
  for (const Certificate& shown : peer.certificates)
    if (tls->revoked.Has(shown))
      return Nobody("the client certificate is revoked; get a new one");
  return own.uris.front();
}

}  // namespace wxident

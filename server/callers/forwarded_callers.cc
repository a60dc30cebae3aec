#include "server/callers/forwarded_callers.h"

#include <utility>

#include "server/base/status_macros.h"
#include "server/callers/forwarded_certificate.h"
#include "server/identity/error.h"

namespace wxident {

absl::StatusOr<std::string> ForwardedCallers::Identify(const Call& call) {
  WX_ASSIGN_OR_RETURN(std::string shown, tls_.Identify(call));
  if (!proxies_.contains(shown)) return shown;
  EdgePeer client;
  WX_ASSIGN_OR_RETURN(client.certificates.emplace_back(),
                      ReadForwardedCertificate(call.metadata()));
  WX_ASSIGN_OR_RETURN(std::string caller, tls_.IdentifyPeer(client));
  if (proxies_.contains(caller))
    return Error(Reason::kCallerUnauthenticated,
                 "this call came by one proxy for another, and whose it is was "
                 "lost between them; let the inner one pass TCP on")
        .ToStatus();
  return caller;
}

}  // namespace wxident

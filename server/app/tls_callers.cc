#include "server/app/tls_callers.h"

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

// What SPIFFE allows an id.
constexpr size_t kMostUri = 2048;

absl::Status Nobody(absl::string_view why) {
  return Error(Reason::kCallerUnauthenticated, why).ToStatus();
}

// Whether it can stand in a policy and in a log line, and is not taken for
// something else there: "scheme:" and visible ASCII.
bool IsUri(absl::string_view text) {
  const size_t colon = text.find(':');
  return colon != text.npos && colon > 0 && text.size() <= kMostUri &&
         absl::ascii_isalpha(text.front()) &&
         std::all_of(text.begin(), text.end(), absl::ascii_isgraph);
}

}  // namespace

absl::StatusOr<std::string> TlsCallers::IdentifyPeer(const EdgePeer& peer) {
  if (peer.certificates.empty())
    return Nobody("the connection has no client certificate");
  const Certificate& own = peer.certificates.front();
  if (own.uris.size() != 1 || !IsUri(own.uris.front()))
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

#include "server/app/tls_callers.h"

#include <algorithm>
#include <utility>

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

absl::StatusOr<std::string> TlsCallers::Identify(
    const grpc::ServerContextBase& context) {
  return IdentifyPeer(context.peer());
}

absl::StatusOr<std::string> TlsCallers::IdentifyPeer(const std::string& name) {
  std::shared_ptr<const Peer> peer;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = peers_.find(name);
    if (found == peers_.end()) return Nobody("the connection has ended");
    peer = found->second;
  }
  if (!peer->status.ok()) return peer->status;
  const Certificate& own = peer->certificates.front();
  if (clock_.Now() > own.not_after + kOverlap)
    return Nobody("the client certificate has ended; connect with a new one");
  const std::shared_ptr<const TlsSnapshot> tls = files_.newest();
  for (const Certificate& shown : peer->certificates)
    if (tls->revoked.Has(shown))
      return Nobody("the client certificate is revoked; get a new one");
  return own.uris.front();
}

void TlsCallers::Opened(const std::string& peer,
                        const std::string& certificates) {
  auto read = std::make_shared<const Peer>(Read(certificates));
  std::lock_guard<std::mutex> lock(mutex_);
  peers_.emplace(peer, std::move(read));
}

void TlsCallers::Closed(const std::string& peer) {
  const absl::Duration now = clock_.Monotonic();
  std::lock_guard<std::mutex> lock(mutex_);
  closed_.emplace_back(now + kAfterwards, peer);
  for (; closed_.front().first <= now; closed_.pop_front())
    peers_.erase(closed_.front().second);
}

TlsCallers::Peer TlsCallers::Read(absl::string_view pem) {
  absl::StatusOr<std::vector<Certificate>> certificates =
      ParseCertificates(pem);
  if (!certificates.ok())
    return {{}, Nobody("the client certificate cannot be read")};
  Peer peer{*std::move(certificates), absl::OkStatus()};
  const std::vector<std::string>& uris = peer.certificates.front().uris;
  if (uris.size() != 1 || !IsUri(uris.front()))
    peer.status = Nobody(
        "the client certificate must hold exactly one URI in its "
        "subjectAltName, and that is the caller; get one that does");
  return peer;
}

}  // namespace wxident

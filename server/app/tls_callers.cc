#include "server/app/tls_callers.h"

#include <grpc/grpc_security_constants.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
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

absl::string_view FirstOf(const std::vector<grpc::string_ref>& values) {
  return values.empty()
             ? ""
             : absl::string_view(values.front().data(), values.front().size());
}

}  // namespace

absl::StatusOr<std::string> TlsCallers::Identify(
    const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  return IdentifyByPem(
      FirstOf(peer->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME)),
      FirstOf(
          peer->FindPropertyValues(GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME)));
}

absl::StatusOr<std::string> TlsCallers::IdentifyByPem(
    absl::string_view certificate, absl::string_view chain) {
  const std::shared_ptr<const Peer> peer = Find(certificate, chain);
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

std::shared_ptr<const TlsCallers::Peer> TlsCallers::Find(
    absl::string_view certificate, absl::string_view chain) {
  std::string both;
  absl::string_view pem = certificate;
  if (!chain.empty()) {
    both = absl::StrCat(certificate, chain);
    pem = both;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = peers_.find(pem);
    if (found != peers_.end()) return found->second;
  }
  auto peer = std::make_shared<const Peer>(Read(pem));
  std::lock_guard<std::mutex> lock(mutex_);
  if (peers_.size() >= kMostPeers) peers_.clear();
  return peers_.emplace(pem, std::move(peer)).first->second;
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

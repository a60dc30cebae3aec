#ifndef WXIDENT_SERVER_CALLERS_FORWARDED_CERTIFICATE_H_
#define WXIDENT_SERVER_CALLERS_FORWARDED_CERTIFICATE_H_

#include "absl/status/statusor.h"
#include "server/edge/call.h"
#include "server/tls/certificates.h"

namespace wxident {

// The client certificate that a proxy says to have verified: of the call's one
// field "x-forwarded-client-cert", in the form that Envoy has given it,
//   By=...;Hash=...;Cert="...";Subject="...";URI=..., By=...;URI=...
// the last element, for proxies append theirs. Of that, what "Cert" holds; and
// where there is none, a certificate that has the URIs of "URI" and nothing
// else, and never ends.
//
// Errors are CALLER_UNAUTHENTICATED: no field, several, one that is not well
// formed, as it may become when a client sends the begin of one. They repeat
// nothing of it.
absl::StatusOr<Certificate> ReadForwardedCertificate(
    const MetadataFields& metadata);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CALLERS_FORWARDED_CERTIFICATE_H_

#ifndef WXIDENT_SERVER_CALLERS_FORWARDED_CALLERS_H_
#define WXIDENT_SERVER_CALLERS_FORWARDED_CALLERS_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "server/callers/tls_callers.h"
#include "server/edge/call.h"
#include "server/rpc/caller.h"

namespace wxident {

// Callers by the client certificate of their connection; and where that is one
// of some proxies', by the client certificate that the proxy forwards (see
// ReadForwardedCertificate), which must be as good as one that was shown here.
// A proxy never calls for itself, so one that forwards nothing gives nobody its
// rights. Thread-safe.
class ForwardedCallers final : public Callers {
 public:
  // `tls` outlives it; `proxies` are callers' URIs.
  ForwardedCallers(TlsCallers& tls, const std::vector<std::string>& proxies)
      : tls_(tls), proxies_(proxies.begin(), proxies.end()) {}

  absl::StatusOr<std::string> Identify(const Call& call) override;

 private:
  TlsCallers& tls_;
  const absl::flat_hash_set<std::string> proxies_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_CALLERS_FORWARDED_CALLERS_H_

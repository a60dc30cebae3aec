#ifndef WXIDENT_SERVER_CALLERS_TLS_CALLERS_H_
#define WXIDENT_SERVER_CALLERS_TLS_CALLERS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/edge/call.h"
#include "server/rpc/caller.h"
#include "server/tls/tls_files.h"

namespace wxident {

// Callers by the client certificate of their connection, which TLS has
// verified: its one URI. A name (CN, DNS) is nobody's identity here. What can
// change while a connection lives is asked at each call: revocation, by the
// newest list, and the certificate's end. Thread-safe.
class TlsCallers final : public Callers {
 public:
  // What a connection may outlive its certificate by: the most that a
  // connection lives, 11 min and 30 s of grace (ConnectionLifetime). So no call
  // fails that a caller began in time.
  static constexpr absl::Duration kOverlap = absl::Seconds(690);

  // `files` and `clock` outlive it.
  TlsCallers(const TlsFiles& files, Clock& clock)
      : files_(files), clock_(clock) {}

  absl::StatusOr<std::string> Identify(const Call& call) override {
    return IdentifyPeer(call.peer());
  }
  // By its certificates alone; its own may be one that was not shown here.
  absl::StatusOr<std::string> IdentifyPeer(const EdgePeer& peer);

 private:
  const TlsFiles& files_;
  Clock& clock_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_CALLERS_TLS_CALLERS_H_

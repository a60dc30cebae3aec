#ifndef WXIDENT_SERVER_APP_TLS_CALLERS_H_
#define WXIDENT_SERVER_APP_TLS_CALLERS_H_

#include <grpcpp/server_context.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/app/tls_files.h"
#include "server/base/clock.h"
#include "server/front/front.h"
#include "server/rpc/caller.h"

namespace wxident {

// Callers by the client certificate of their connection, which TLS has
// verified: its one URI. A name (CN, DNS) is nobody's identity here. What can
// change while a connection lives is asked at each call: revocation, by the
// newest list, and the certificate's end. Thread-safe.
class TlsCallers final : public Callers, public PeerRegistry {
 public:
  // What a connection may outlive its certificate by: the most that a
  // connection lives, 10 min and 30 s of grace. So no call fails that a caller
  // began in time.
  static constexpr absl::Duration kOverlap = absl::Seconds(630);
  // How long calls of a connection that has ended are still known: gRPC may
  // begin them later.
  static constexpr absl::Duration kAfterwards = absl::Seconds(15);

  // `files` and `clock` outlive it.
  TlsCallers(const TlsFiles& files, Clock& clock)
      : files_(files), clock_(clock) {}

  absl::StatusOr<std::string> Identify(
      const grpc::ServerContextBase& context) override;
  // The same by what gRPC calls the peer.
  absl::StatusOr<std::string> IdentifyPeer(const std::string& name);

  void Opened(const std::string& peer,
              const std::string& certificates) override;
  void Closed(const std::string& peer) override;

 private:
  // What a connection's client has shown, taken apart.
  struct Peer {
    // Its own first.
    std::vector<Certificate> certificates;
    // OK, or why it is nobody for ever.
    absl::Status status;
  };

  static Peer Read(absl::string_view pem);

  const TlsFiles& files_;
  Clock& clock_;
  std::mutex mutex_;
  // By name. Guarded by mutex_, as is the next.
  absl::flat_hash_map<std::string, std::shared_ptr<const Peer>> peers_;
  // Those that have ended, in order, with when they will be forgotten, on
  // Clock::Monotonic().
  std::deque<std::pair<absl::Duration, std::string>> closed_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_TLS_CALLERS_H_

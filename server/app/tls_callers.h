#ifndef WXIDENT_SERVER_APP_TLS_CALLERS_H_
#define WXIDENT_SERVER_APP_TLS_CALLERS_H_

#include <grpcpp/server_context.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/app/tls_files.h"
#include "server/base/clock.h"
#include "server/rpc/caller.h"

namespace wxident {

// Callers by the client certificate of their connection, which TLS has
// verified: its one URI. A name (CN, DNS) is nobody's identity here. What can
// change while a connection lives is asked at each call: revocation, by the
// newest list, and the certificate's end. Thread-safe.
class TlsCallers final : public Callers {
 public:
  // What a connection may outlive its certificate by: the most that a
  // connection lives, 10 min and 30 s of grace. So no call fails that a caller
  // began in time; and none passes for good by a session that TLS resumes again
  // and again.
  static constexpr absl::Duration kOverlap = absl::Seconds(630);

  // `files` and `clock` outlive it.
  TlsCallers(const TlsFiles& files, Clock& clock)
      : files_(files), clock_(clock) {}

  absl::StatusOr<std::string> Identify(
      const grpc::ServerContextBase& context) override;

  // The same by the peer's certificate and what it sent of its chain, PEM;
  // `chain` may be empty.
  absl::StatusOr<std::string> IdentifyByPem(absl::string_view certificate,
                                            absl::string_view chain);

 private:
  // A certificate taken apart.
  struct Peer {
    // Of everything shown, the peer's own first.
    std::vector<Certificate> certificates;
    // OK, or why it is nobody for ever.
    absl::Status status;
  };

  std::shared_ptr<const Peer> Find(absl::string_view certificate,
                                   absl::string_view chain);
  static Peer Read(absl::string_view pem);

  // More certificates than a server meets in their lifetime; then it begins
  // anew.
  static constexpr size_t kMostPeers = 4096;

  const TlsFiles& files_;
  Clock& clock_;
  std::mutex mutex_;
  // By the certificate and its chain, PEM.
  absl::flat_hash_map<std::string, std::shared_ptr<const Peer>>
      peers_;  // guarded by mutex_
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_TLS_CALLERS_H_

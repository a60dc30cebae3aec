#ifndef WXIDENT_SERVER_APP_SERVER_H_
#define WXIDENT_SERVER_APP_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace wxident {

// The whole server: the wiring diagram of this program. Made, run and stopped
// by one thread.
class Server {
 public:
  // Builds every object in the order of dependence and begins to listen. Waits
  // up to 10 s for the database. To be called before there are other threads.
  // Errors: kFailedPrecondition when the schema is not the one this program
  // knows or the database is not set up for it (the message says what to run),
  // kUnavailable when the database or an address cannot be had,
  // kInvalidArgument for unusable certificates or keys.
  static absl::StatusOr<std::unique_ptr<Server>> Start(Config config);
  ~Server();

  // To be called once a second. Takes certificates and CRLs that have been
  // replaced, sweeps ended sessions away, compares our clock with the
  // database's, and tells health whether the database answers.
  void Housekeep();

  // Reads certificates, the revocation list, the policy and the key ring again
  // and opens the audit log anew, while calls run. What is bad leaves the old
  // one; the log and wxident_reload_failures_total tell of it.
  void Reload();

  // Health says NOT_SERVING from now on; everything else goes on.
  void AnnounceStop();

  // Refuses new calls, lets running ones end within shutdown.timeout, then
  // ends everything.
  void Stop();

  const std::string& grpc_addr() const;
  // Empty when there is no admin listener.
  std::string admin_addr() const;
  // 0 when metrics are not served.
  int metrics_port() const;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_SERVER_H_

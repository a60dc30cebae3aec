#ifndef WXIDENT_SERVER_APP_LISTENERS_H_
#define WXIDENT_SERVER_APP_LISTENERS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/app/listener.h"
#include "server/app/security_wiring.h"
#include "server/base/metrics.h"
#include "server/config/config.h"
#include "server/rpc/services.h"

namespace wxident {

// The two addresses where the server is called, by services and by operators.
class Listeners {
 public:
  // Serves as the configuration says. Health says NOT_SERVING until SetServing.
  // `security` and `metrics` outlive it. Errors: as of Listener::Start.
  static absl::StatusOr<std::unique_ptr<Listeners>> Start(
      const Config& config, const SecurityWiring& security,
      const Services& services, Metrics& metrics);

  const std::string& grpc_addr() const { return grpc_->addr(); }
  // Empty when there is no admin listener.
  std::string admin_addr() const {
    return admin_ == nullptr ? "" : admin_->addr();
  }

  void SetServing(bool serving);

  // Accepts no more, lets running calls end, and cancels what still runs after
  // `timeout`. Returns when every call has ended.
  void Stop(absl::Duration timeout);

 private:
  Listeners() = default;

  std::unique_ptr<Listener> grpc_;
  std::unique_ptr<Listener> admin_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_LISTENERS_H_

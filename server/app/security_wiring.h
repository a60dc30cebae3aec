#ifndef WXIDENT_SERVER_APP_SECURITY_WIRING_H_
#define WXIDENT_SERVER_APP_SECURITY_WIRING_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/audit/audit_log.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/config/config.h"
#include "server/policy/access_control.h"
#include "server/rpc/admit_call.h"
#include "server/rpc/caller.h"
#include "server/tls/tls_server.h"

namespace wxident {

// Who gets in, what they may do there, and what is written down of it: TLS,
// callers, policy and audit log, as the configuration wants them, and their
// files read again while the server runs. Owned by the Server, which outlives
// every call; the objects it gives are thread-safe and live as long as it does.
class SecurityWiring {
 public:
  // `config`, `clock` and `metrics` outlive it. Errors:
  // kInvalidArgument for files that cannot be used.
  static absl::StatusOr<std::unique_ptr<SecurityWiring>> Open(
      const Config& config, Clock& clock, Metrics& metrics);
  ~SecurityWiring();

  // For listeners: see EdgeServer::Options. nullptr: plain text.
  std::function<std::shared_ptr<const TlsServer>()> tls() const;
  Callers& callers() const;
  // For calls of health and reflection, which everybody may make who gets a
  // connection. It lives as long as this.
  AdmitCall AdmitAnybody() const;
  AccessControl& access() const;
  // nullptr: none is kept.
  AuditLog* audit() const;

  // Reads policy and certificates again and opens the audit log anew. What is
  // bad leaves the old one, and is logged and counted. For one thread.
  void Reload();

  // To be called once a second: takes certificates that have been replaced.
  // For the same thread.
  void LookAtFiles();

 private:
  struct Parts;
  explicit SecurityWiring(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

// Logs what a reload of `what` came to, and counts a failure in
// wxident_reload_failures_total.
void ReportReload(absl::string_view what, const absl::Status& status,
                  Metrics& metrics);

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_SECURITY_WIRING_H_

#include "server/app/security_wiring.h"

#include <chrono>
#include <future>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/callers/forwarded_callers.h"
#include "server/callers/tls_callers.h"
#include "server/config/files/config_files.h"
#include "server/config/policy_effect.h"
#include "server/policy/method_names.h"
#include "server/policy/policy_file.h"
#include "server/tls/tls_files.h"

namespace wxident {
namespace {

// What holds with grpc.insecure_loopback and no policy. All callers are one, so
// only its streams are limited.
Policy EverythingForLoopback() {
  Policy::Row row{.caller = "loopback"};
  for (const auto* names : {&IdentityMethodNames(), &AdminMethodNames()})
    row.methods.insert(names->begin(), names->end());
  return Policy{.allow = {row}, .limits = {{.caller = row.caller}}};
}

Policy PolicyOf(const Config& config) {
  return config.access.policy_file.empty() ? EverythingForLoopback()
                                           : config.access.policy;
}

}  // namespace

struct SecurityWiring::Parts {
  Parts(const Config& config, Clock& clock, Metrics& metrics)
      : config(config),
        metrics(metrics),
        policy(PolicyOf(config)),
        access(policy, clock, metrics) {}

  const Config& config;
  Metrics& metrics;
  // The one in place.
  Policy policy;
  AccessControl access;
  // nullptr: plain text.
  std::unique_ptr<TlsFiles> tls;
  std::unique_ptr<TlsCallers> tls_callers;
  std::unique_ptr<ForwardedCallers> forwarded_callers;
  LoopbackCallers loopback_callers;
  std::unique_ptr<AuditLog> audit;
  // A look at the files of TLS that is under way; a large list of revoked
  // certificates takes seconds, in which others wait for this thread.
  std::future<absl::StatusOr<bool>> look;

  absl::Status OpenTls(Clock& clock);
  absl::Status ReloadPolicy();
  // Begins a look at the files of TLS, after the one that is under way, and
  // ends it if it is a quick one.
  void BeginLook(absl::StatusOr<bool> (TlsFiles::*look_at)());
  void EndLook();
  // What has come of it.
  void TakeTls(const absl::StatusOr<bool>& taken);
  void TellTls();
};

absl::Status SecurityWiring::Parts::OpenTls(Clock& clock) {
  WX_ASSIGN_OR_RETURN(tls, TlsFiles::Open(config.grpc.tls, clock));
  tls_callers = std::make_unique<TlsCallers>(*tls, clock);
  forwarded_callers = std::make_unique<ForwardedCallers>(
      *tls_callers, config.grpc.forwarded_by);
  TellTls();
  return absl::OkStatus();
}

void SecurityWiring::Parts::BeginLook(
    absl::StatusOr<bool> (TlsFiles::*look_at)()) {
  if (look.valid()) TakeTls(look.get());
  // Deferred, when no thread can be had.
  look =
      std::async(std::launch::async | std::launch::deferred,
                 [look_at, files = tls.get()] { return (files->*look_at)(); });
  EndLook();
}

void SecurityWiring::Parts::EndLook() {
  constexpr auto kQuick = std::chrono::milliseconds(100);
  if (look.wait_for(kQuick) != std::future_status::timeout) TakeTls(look.get());
}

void SecurityWiring::Parts::TakeTls(const absl::StatusOr<bool>& taken) {
  if (!taken.ok()) return ReportReload("tls", taken.status(), metrics);
  if (!*taken) return;
  TellTls();
  // What runs long asks again whether its caller may go on.
  access.Replace(policy);
}

void SecurityWiring::Parts::TellTls() {
  const std::shared_ptr<const TlsSnapshot> now = tls->newest();
  Log(LogLevel::kInfo, "certificates taken",
      {{"serial", now->certificate.serial},
       {"not_after",
        absl::FormatTime(absl::RFC3339_sec, now->certificate.not_after,
                         absl::UTCTimeZone())},
       {"revoked", absl::StrCat(now->revoked.size())}});
  metrics.Set(
      "wxident_tls_not_after_timestamp_seconds", {},
      static_cast<double>(absl::ToUnixSeconds(now->certificate.not_after)));
  if (now->revoked.next_update() != absl::InfiniteFuture())
    metrics.Set(
        "wxident_tls_crl_next_update_timestamp_seconds", {},
        static_cast<double>(absl::ToUnixSeconds(now->revoked.next_update())));
}

absl::Status SecurityWiring::Parts::ReloadPolicy() {
  WX_ASSIGN_OR_RETURN(const std::string text,
                      ReadConfigFile(config.access.policy_file));
  WX_ASSIGN_OR_RETURN(policy, ParsePolicyFile(text, config.apps));
  access.Replace(policy);
  for (const std::string& what : WithoutEffect(policy, config))
    Log(LogLevel::kWarning, "the policy", {{"message", what}});
  return absl::OkStatus();
}

SecurityWiring::SecurityWiring(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)) {}
SecurityWiring::~SecurityWiring() = default;

absl::StatusOr<std::unique_ptr<SecurityWiring>> SecurityWiring::Open(
    const Config& config, Clock& clock, Metrics& metrics) {
  auto parts = std::make_unique<Parts>(config, clock, metrics);
  if (!config.grpc.insecure_loopback) WX_RETURN_IF_ERROR(parts->OpenTls(clock));
  if (!config.audit.file.empty()) {
    WX_ASSIGN_OR_RETURN(parts->audit,
                        AuditLog::Open({.path = config.audit.file,
                                        .key = config.audit.key.front().bytes},
                                       clock, metrics));
  }
  return std::unique_ptr<SecurityWiring>(new SecurityWiring(std::move(parts)));
}

std::function<std::shared_ptr<const TlsServer>()> SecurityWiring::tls() const {
  if (parts_->tls == nullptr) return nullptr;
  return [files = parts_->tls.get()] { return files->newest()->server; };
}
Callers& SecurityWiring::callers() const {
  if (parts_->forwarded_callers != nullptr) return *parts_->forwarded_callers;
  return parts_->loopback_callers;
}
AdmitCall SecurityWiring::AdmitAnybody() const {
  return
      [parts = parts_.get(), callers = &callers()](
          const Call& call,
          AccessControl::Kind kind) -> absl::StatusOr<std::shared_ptr<void>> {
        // Who has no name shares the limits with all others that have none.
        WX_ASSIGN_OR_RETURN(Admission admission,
                            parts->access.AdmitAnybody(
                                callers->Identify(call).value_or(""), kind));
        return std::make_shared<Admission>(std::move(admission));
      };
}
AccessControl& SecurityWiring::access() const { return parts_->access; }
AuditLog* SecurityWiring::audit() const { return parts_->audit.get(); }

void SecurityWiring::Reload() {
  Parts& parts = *parts_;
  if (parts.tls != nullptr) parts.BeginLook(&TlsFiles::Reload);
  if (!parts.config.access.policy_file.empty())
    ReportReload("policy", parts.ReloadPolicy(), parts.metrics);
  if (parts.audit != nullptr)
    ReportReload("audit", parts.audit->Reopen(), parts.metrics);
}

void SecurityWiring::LookAtFiles() {
  if (parts_->tls == nullptr) return;
  if (parts_->look.valid())
    parts_->EndLook();
  else
    parts_->BeginLook(&TlsFiles::Look);
}

void ReportReload(absl::string_view what, const absl::Status& status,
                  Metrics& metrics) {
  if (status.ok())
    return Log(LogLevel::kInfo, "reloaded", {{"what", std::string(what)}});
  Log(LogLevel::kError, "not reloaded; the old one stays",
      {{"what", std::string(what)},
       {"message", std::string(status.message())}});
  metrics.Count("wxident_reload_failures_total", {{"what", std::string(what)}});
}

}  // namespace wxident

#include "server/config/config_together.h"

#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/config/config.h"
#include "server/config/config_values.h"

namespace wxident {
namespace {

constexpr absl::Duration kMaxShutdown = absl::Seconds(25);

using AddProblem =
    absl::FunctionRef<void(const char* key, absl::string_view what)>;

// What goes with grpc.insecure_loopback, and without.
void CheckPlainText(const Config& config, AddProblem add) {
  const Config::Grpc& grpc = config.grpc;
  for (const auto& [key, text] : {std::pair("grpc.addr", &grpc.addr),
                                  std::pair("admin.addr", &config.admin_addr)})
    if (const auto addr = ParseHostPort(*text); addr && !IsLoopback(addr->host))
      add(key,
          "with grpc.insecure_loopback it must be a loopback address, like "
          "127.0.0.1:8443");
  for (const auto& [key, text] :
       {std::pair("grpc.tls_cert_file", &grpc.tls.cert_file),
        std::pair("grpc.tls_key_file", &grpc.tls.key_file),
        std::pair("grpc.tls_client_ca_file", &grpc.tls.client_ca_file),
        std::pair("grpc.tls_revocation_file", &grpc.tls.revocation_file)})
    if (!text->empty())
      add(key, "goes against grpc.insecure_loopback; remove one of them");
  for (const auto& [key, list] :
       {std::pair("grpc.proxy_protocol_from", &grpc.proxy_protocol_from),
        std::pair("grpc.forwarded_by", &grpc.forwarded_by)})
    if (!list->empty())
      add(key,
          "goes against grpc.insecure_loopback, which is for callers on this "
          "machine; remove one of them");
}

void CheckTls(const ConfigDraft& draft, AddProblem add) {
  const Config& config = draft.config;
  for (const auto& [key, text] :
       {std::pair("grpc.tls_cert_file", &config.grpc.tls.cert_file),
        std::pair("grpc.tls_key_file", &config.grpc.tls.key_file),
        std::pair("grpc.tls_client_ca_file", &config.grpc.tls.client_ca_file),
        std::pair("access.policy_file", &config.access.policy_file),
        std::pair("audit.file", &config.audit.file),
        std::pair("audit.key_file", &draft.audit_key_file)})
    if (text->empty())
      add(key,
          "is required; only a trial on one machine goes without, with "
          "grpc.insecure_loopback: true");
}

}  // namespace

void CheckConfigTogether(const ConfigDraft& draft, const ConfigPlaces& places,
                         ConfigProblems& problems) {
  const Config& config = draft.config;
  const auto add = [&](const char* key, absl::string_view what) {
    const auto place = places.find(key);
    problems.Add(key, place == places.end() ? "not set" : place->second, what);
  };
  if (!problems.Has("grpc.insecure_loopback")) {
    if (config.grpc.insecure_loopback)
      CheckPlainText(config, add);
    else
      CheckTls(draft, add);
  }
  if (config.audit.file.empty() != draft.audit_key_file.empty() &&
      config.grpc.insecure_loopback)
    add(config.audit.file.empty() ? "audit.file" : "audit.key_file",
        "audit.file and audit.key_file go together; set both");
  if (!problems.Has("sessions.default_ttl") &&
      !problems.Has("sessions.max_ttl") &&
      config.sessions.default_ttl > config.sessions.max_ttl)
    add("sessions.default_ttl", "must not be over sessions.max_ttl");
  if (!problems.Has("shutdown.drain_delay") &&
      !problems.Has("shutdown.timeout") &&
      config.shutdown.drain_delay + config.shutdown.timeout > kMaxShutdown)
    add("shutdown.timeout", "with shutdown.drain_delay must be at most 25s");
}

}  // namespace wxident

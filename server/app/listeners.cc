#include "server/app/listeners.h"

#include <sched.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/base/status_macros.h"
#include "server/edge/ip_ranges.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/identity_service.h"

namespace wxident {
namespace {

constexpr char kServiceName[] = "wxident.v1.IdentityService";
constexpr char kAdminServiceName[] = "wxident.v1.AdminService";

// A loop for each core that this process may run on, for two on one core wait
// for each other; but not on a large machine: what a loop has to do for a call
// is little, and the database's threads want cores as well.
int Loops() {
  constexpr int kMost = 4;
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) return kMost;
  return std::clamp(CPU_COUNT(&cores), 1, kMost);
}

// The configuration has been checked.
IpRanges RangesOf(const std::vector<std::string>& texts) {
  IpRanges out;
  for (const std::string& text : texts) out.Add(text).IgnoreError();
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listeners>> Listeners::Start(
    const Config& config, const SecurityWiring& security,
    const Services& services, Metrics& metrics) {
  std::unique_ptr<Listeners> listeners(new Listeners);
  WX_ASSIGN_OR_RETURN(
      listeners->grpc_,
      Listener::Start(
          {.edge = {.addr = config.grpc.addr,
                    .tls = security.tls(),
                    .balancers = RangesOf(config.grpc.proxy_protocol_from),
                    .proxies = config.grpc.forwarded_by,
                    .methods = IdentityMethods(services),
                    .loops = Loops()},
           .services = {kServiceName},
           .health_names = {kServiceName},
           .reflection = config.grpc.reflection,
           .admit = security.AdmitAnybody()},
          metrics));
  if (config.admin_addr.empty()) return listeners;
  WX_ASSIGN_OR_RETURN(
      listeners->admin_,
      Listener::Start({.edge = {.addr = config.admin_addr,
                                .tls = security.tls(),
                                .proxies = config.grpc.forwarded_by,
                                .methods = AdminMethods(services)},
                       .services = {kAdminServiceName},
                       .health_names = {kServiceName, kAdminServiceName},
                       .reflection = config.grpc.reflection,
                       .admit = security.AdmitAnybody()},
                      metrics));
  return listeners;
}

void Listeners::SetServing(bool serving) {
  grpc_->SetServing(serving);
  if (admin_ != nullptr) admin_->SetServing(serving);
}

void Listeners::Stop(absl::Duration timeout) {
  const Deadline end = Deadline::After(timeout, SystemClock());
  grpc_->Stop(timeout);
  if (admin_ != nullptr) admin_->Stop(end.Left(SystemClock()));
}

}  // namespace wxident

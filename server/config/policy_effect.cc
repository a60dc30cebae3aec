#include "server/config/policy_effect.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {
namespace {

using Methods = std::set<std::string>;

// Those whose calls ask for CallRecord::AllowEveryApp whatever the request.
const Methods& SpanningMethods() {
  static const auto& methods = *new Methods{
      "EraseUser", "ExportUser", "GetKeyStatus", "ListApps", "RotateKeys"};
  return methods;
}

Methods AdminMethods() {
  const auto* service =
      v1::ListAppsRequest::descriptor()->file()->FindServiceByName(
          "AdminService");
  Methods out;
  for (int m = 0; m < service->method_count(); ++m)
    out.insert(service->method(m)->name());
  return out;
}

Methods Both(const Methods& a, const Methods& b) {
  Methods out;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(),
                        std::inserter(out, out.end()));
  return out;
}

// Why nobody can be this caller; empty when somebody can.
std::string WhyNobody(absl::string_view caller, const Config& config) {
  const std::vector<std::string>& proxies = config.grpc.forwarded_by;
  if (std::find(proxies.begin(), proxies.end(), caller) != proxies.end())
    return "grpc.forwarded_by names it, and a proxy's calls are its callers'";
  if (config.grpc.insecure_loopback == (caller == "loopback")) return "";
  return config.grpc.insecure_loopback
             ? "with grpc.insecure_loopback everybody is \"loopback\""
             : "with TLS a caller is its certificate's URI, and nobody is "
               "\"loopback\"";
}

}  // namespace

std::vector<std::string> WithoutEffect(const Policy& policy,
                                       const Config& config) {
  std::vector<std::string> out;
  const Methods admin = AdminMethods();
  for (size_t i = 0; i < policy.allow.size(); ++i) {
    const Policy::Row& row = policy.allow[i];
    const auto add = [&](const Methods& methods, absl::string_view why) {
      if (!methods.empty())
        // The list last: it may be long.
        out.push_back(absl::StrCat("allow[", i, "] (", row.caller,
                                   ") only denies: ", why, ": ",
                                   absl::StrJoin(methods, ", ")));
    };
    if (const std::string why = WhyNobody(row.caller, config); !why.empty()) {
      add(row.methods, why);
      continue;
    }
    if (config.admin_addr.empty())
      add(Both(row.methods, admin),
          "admin.addr is not set, so nobody can call AdminService");
    if (!row.apps.empty())
      add(Both(row.methods, SpanningMethods()),
          "what spans all apps needs a row with apps: [\"*\"]");
  }
  for (size_t i = 0; i < policy.limits.size(); ++i) {
    const std::string& caller = policy.limits[i].caller;
    if (caller == "*") continue;
    if (const std::string why = WhyNobody(caller, config); !why.empty())
      out.push_back(
          absl::StrCat("limits[", i, "] (", caller, ") limits nobody: ", why));
  }
  return out;
}

}  // namespace wxident

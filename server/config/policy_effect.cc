#include "server/config/policy_effect.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "server/policy/method_names.h"

namespace wxident {
namespace {

using Methods = std::set<std::string>;

// Those whose calls ask for RpcContext::AuthorizeEveryApp whatever the request.
const std::vector<std::string>& SpanningMethodNames() {
  static const auto& names = *new std::vector<std::string>{
      "EraseUser", "ExportUser", "GetKeyStatus", "ListApps", "RotateKeys"};
  return names;
}

// Those of `methods` that are among `names`.
Methods Among(const Methods& methods, const std::vector<std::string>& names) {
  Methods out;
  for (const std::string& name : names)
    if (methods.contains(name)) out.insert(name);
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
      add(Among(row.methods, AdminMethodNames()),
          "admin.addr is not set, so nobody can call AdminService");
    if (!row.apps.empty())
      add(Among(row.methods, SpanningMethodNames()),
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

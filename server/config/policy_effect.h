#ifndef WXIDENT_SERVER_CONFIG_POLICY_EFFECT_H_
#define WXIDENT_SERVER_CONFIG_POLICY_EFFECT_H_

#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/policy/policy.h"

namespace wxident {

// What a well-formed policy says in vain under this configuration, whatever
// certificates callers have: a sentence each, with the row's number as in
// ParsePolicyFile, its caller, the methods and why. For "loopback" without
// grpc.insecure_loopback and others with it; methods of AdminService without
// admin.addr; and methods that span apps in a row that does not.
std::vector<std::string> WithoutEffect(const Policy& policy,
                                       const Config& config);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CONFIG_POLICY_EFFECT_H_

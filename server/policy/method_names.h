#ifndef WXIDENT_SERVER_POLICY_METHOD_NAMES_H_
#define WXIDENT_SERVER_POLICY_METHOD_NAMES_H_

#include <string>
#include <vector>

namespace wxident {

// Returns the names of all methods of IdentityService, and of AdminService,
// as a policy writes them: without their service ("Login"). Thread-safe.
const std::vector<std::string>& IdentityMethodNames();
const std::vector<std::string>& AdminMethodNames();

}  // namespace wxident

#endif  // WXIDENT_SERVER_POLICY_METHOD_NAMES_H_

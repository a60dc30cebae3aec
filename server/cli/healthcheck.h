#ifndef WXIDENT_SERVER_CLI_HEALTHCHECK_H_
#define WXIDENT_SERVER_CLI_HEALTHCHECK_H_

#include <string>
#include <vector>

namespace wxident {

// `wxidentd healthcheck [flags]`: asks a server for its health over a new
// connection, as a probe must: a server that accepts no more may still answer
// on old ones. `arguments` begin after "healthcheck". Says the outcome on
// stdout or stderr. Returns the exit code of grpc_health_probe: 0 serving, 1
// bad arguments, 2 no connection, 3 the call failed, 4 not serving.
int HealthcheckCommand(const std::vector<std::string>& arguments);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CLI_HEALTHCHECK_H_

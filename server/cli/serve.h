#ifndef WXIDENT_SERVER_CLI_SERVE_H_
#define WXIDENT_SERVER_CLI_SERVE_H_

#include <string>
#include <vector>

namespace wxident {

// `wxidentd serve --config FILE [flags]`: runs the server until SIGTERM or
// SIGINT comes, which a second one cuts short; SIGHUP reloads. `arguments`
// begin after "serve"; `environment` is as in environ. To be called before
// there are other threads. Returns the exit code: 0 stopped as told, 69 the
// database or an address cannot be had, 78 the configuration or the database's
// schema is wrong.
int Serve(const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CLI_SERVE_H_

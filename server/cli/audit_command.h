#ifndef WXIDENT_SERVER_CLI_AUDIT_COMMAND_H_
#define WXIDENT_SERVER_CLI_AUDIT_COMMAND_H_

#include <ostream>
#include <string>
#include <vector>

namespace wxident {

// `wxidentd audit verify --file F [--file G ...] --key-file K [--head HEX]`:
// whether audit files, oldest first, are what the log wrote. `arguments` begin
// after "audit". The verdict goes to `out`, what hinders it to `err`.
//
// Gives the exit code: 0 good; 1 broken: the first place and what was found
// there; 64 wrong arguments; 78 a file cannot be read.
int AuditCommand(const std::vector<std::string>& arguments, std::ostream& out,
                 std::ostream& err);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CLI_AUDIT_COMMAND_H_

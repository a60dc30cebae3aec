#ifndef WXIDENT_SERVER_CLI_KEYS_COMMAND_H_
#define WXIDENT_SERVER_CLI_KEYS_COMMAND_H_

#include <ostream>
#include <string>
#include <vector>

namespace wxident {

// `wxidentd keys new|list|rotate|verify --ring-file F [--config C]`: the care
// of a key ring's file. `arguments` begin after "keys"; `environment` is as in
// environ. No key is ever shown.
//
//   new     adds a random key at the end, where it opens what others seal with
//           it; makes the file when there is none
//   list    the ids, and which one seals
//   rotate  moves the newest key to the top: it seals once servers have
//           reloaded
//   verify  whether the ring can be used; with --config (and flags, as for
//           serve) also whether it fits the database, how many values are under
//           each key, which one is missing, and which one can go
//
// Gives the exit code: 0 done; 1 the ring does not fit the database; 64 wrong
// arguments; 69 the database cannot be had; 78 a file cannot be used.
int KeysCommand(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment, std::ostream& out,
                std::ostream& err);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CLI_KEYS_COMMAND_H_

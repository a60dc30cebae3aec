#ifndef WXIDENT_SERVER_CLI_EXIT_CODES_H_
#define WXIDENT_SERVER_CLI_EXIT_CODES_H_

namespace wxident {

// Of wxidentd and its commands, by BSD's sysexits. A command that has a verdict
// to give exits with 1 when it is a bad one.
inline constexpr int kExitVerdict = 1;
inline constexpr int kExitUsage = 64;
// The database or an address cannot be had.
inline constexpr int kExitUnavailable = 69;
// The configuration, a file that it names, or the database's schema is wrong.
inline constexpr int kExitConfig = 78;

}  // namespace wxident

#endif  // WXIDENT_SERVER_CLI_EXIT_CODES_H_

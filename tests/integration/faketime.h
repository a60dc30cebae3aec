#ifndef WXIDENT_TESTS_INTEGRATION_FAKETIME_H_
#define WXIDENT_TESTS_INTEGRATION_FAKETIME_H_

#include <string>
#include <vector>

namespace wxident {

// The environment of a process whose wall clock is this far ahead of the
// machine's; its monotonic clock is not touched. Fails the test when
// libfaketime is not installed.
std::vector<std::string> WallClockAhead(int minutes);

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_FAKETIME_H_

#ifndef WXIDENT_TESTS_HOSTILE_UNTAKEN_H_
#define WXIDENT_TESTS_HOSTILE_UNTAKEN_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/hostile/attacks.h"

namespace wxident {

// As many connections as one IP gets, each with as many calls of `path` as it
// may have, which send `body` and take nothing of their answers; until `end`.
Outcome AskAndTakeNothing(const Target& target, absl::Time end,
                          absl::string_view path, const std::string& body);

}  // namespace wxident

#endif  // WXIDENT_TESTS_HOSTILE_UNTAKEN_H_

#ifndef WXIDENT_SERVER_CONFIG_CONFIG_TOGETHER_H_
#define WXIDENT_SERVER_CONFIG_CONFIG_TOGETHER_H_

#include "server/config/config_keys.h"
#include "server/config/files/config_problems.h"

namespace wxident {

// Checks what no key of a draft alone can tell: which keys need or exclude each
// other. What is wrong is added to `problems`, with its place.
void CheckConfigTogether(const ConfigDraft& draft, const ConfigPlaces& places,
                         ConfigProblems& problems);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CONFIG_CONFIG_TOGETHER_H_

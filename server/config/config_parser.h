#ifndef WXIDENT_SERVER_CONFIG_CONFIG_PARSER_H_
#define WXIDENT_SERVER_CONFIG_CONFIG_PARSER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "server/config/config.h"
#include "server/config/config_keys.h"
#include "server/config/files/config_problems.h"

namespace wxident {

// Makes a draft of the config file's `text` and the sources' flags and
// variables, and checks all that needs no other file. Paths of the file are
// made relative to `folder`. What is wrong is added to `problems`; the draft is
// of use only when there is nothing. `places` gets where each key was set.
ConfigDraft ParseConfig(absl::string_view text, const std::string& folder,
                        const ConfigSources& sources, ConfigProblems& problems,
                        ConfigPlaces& places);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CONFIG_CONFIG_PARSER_H_

#ifndef WXIDENT_SERVER_CONFIG_CONFIG_APPS_H_
#define WXIDENT_SERVER_CONFIG_CONFIG_APPS_H_

#include <string>

#include "server/config/config_keys.h"
#include "server/config/files/config_problems.h"
#include "server/config/files/config_yaml.h"

namespace wxident {

// Reads "apps" of a config file's top into the draft, as ParseConfig does the
// other keys.
void ReadConfigApps(const YamlNode& root, const std::string& folder,
                    ConfigDraft& draft, ConfigProblems& problems,
                    ConfigPlaces& places);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CONFIG_CONFIG_APPS_H_

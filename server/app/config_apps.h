#ifndef WXIDENT_SERVER_APP_CONFIG_APPS_H_
#define WXIDENT_SERVER_APP_CONFIG_APPS_H_

#include <string>

#include "server/app/config_keys.h"
#include "server/app/config_problems.h"
#include "server/app/config_yaml.h"

namespace wxident {

// Reads "apps" of a config file's top into the draft, as ParseConfig does the
// other keys.
void ReadConfigApps(const YamlNode& root, const std::string& folder,
                    ConfigDraft& draft, ConfigProblems& problems,
                    ConfigPlaces& places);

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_CONFIG_APPS_H_

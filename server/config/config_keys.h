#ifndef WXIDENT_SERVER_CONFIG_CONFIG_KEYS_H_
#define WXIDENT_SERVER_CONFIG_CONFIG_KEYS_H_

#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/config/config.h"

namespace wxident {

// A Config on its way: secrets still named by the files they stand in.
struct ConfigDraft {
  Config config;
  std::string database_password_file;
  std::string audit_key_file;
  std::string phone_index_file;
  // One for each of config.apps.
  std::vector<std::string> app_secret_files;
};

// What a text, or each of a list, must be, where its type alone does not say
// it. kFile and kSecretFile are paths; what kSecretFile names is for nobody
// else to read.
enum class ConfigForm {
  kAny,
  kAddress,
  kBaseUrl,
  kCallerUri,
  kDatabaseUrl,
  kFile,
  kIpRange,
  kSecretFile
};

// A key of the config: this table is all that the file's reader, the flags, the
// variables, --help and the tests of docs/config.example.yaml know of them.
struct ConfigKey {
  const char* name;
  // As it would stand in the file, a list with commas; "" is "not set".
  // nullptr: must be given.
  const char* default_text;
  // What a number counts; "" for the rest.
  const char* unit;
  const char* meaning;
  // Where the value goes; its type says how it is read.
  std::variant<std::string& (*)(ConfigDraft&), bool& (*)(ConfigDraft&),
               int& (*)(ConfigDraft&), absl::Duration& (*)(ConfigDraft&),
               LogLevel& (*)(ConfigDraft&),
               std::vector<std::string>& (*)(ConfigDraft&)>
      target;
  ConfigForm form = ConfigForm::kAny;
  // Of a number or duration, both included.
  const char* least = "";
  const char* most = "";
};

const std::vector<ConfigKey>& ConfigKeys();

// A key of one item of the list "apps", which stands only in the file.
struct AppKey {
  const char* name;
  bool required;
  const char* meaning;
};

const std::vector<AppKey>& AppKeys();

// "grpc.addr" -> "--grpc-addr" and "WXIDENT_GRPC_ADDR".
std::string FlagOf(absl::string_view key);
std::string VariableOf(absl::string_view key);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CONFIG_CONFIG_KEYS_H_

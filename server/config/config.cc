#include "server/config/config.h"

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/base/clock.h"
#include "server/base/status_macros.h"
#include "server/config/config_keys.h"
#include "server/config/config_parser.h"
#include "server/config/config_values.h"
#include "server/config/files/config_files.h"
#include "server/config/policy_effect.h"
#include "server/crypto/random.h"
#include "server/policy/policy_file.h"
#include "server/tls/crl_file.h"
#include "server/tls/tls_files.h"

namespace wxident {
namespace {

// Reads the files that the draft names, and says of each one that is wrong
// where it was named. A secret that stands where its file's name belongs is
// not repeated; other names are.
class FileChecks {
 public:
  FileChecks(const ConfigPlaces& places, ConfigProblems& problems)
      : places_(places), problems_(problems) {}

  void Readable(const std::string& key, const std::string& path) {
    if (path.empty()) return;
    if (absl::Status status = CheckReadable(path); !status.ok())
      Add(key, absl::StrCat(path, ": ", status.message()));
  }

  void Appendable(const std::string& key, const std::string& path) {
    if (path.empty()) return;
    if (absl::Status status = CheckAppendable(path); !status.ok())
      Add(key, absl::StrCat(path, ": ", status.message()));
  }

  // Allows nothing when there is no path, or no good file.
  Policy PolicyAt(const std::string& key, const std::string& path,
                  const std::vector<App>& apps) {
    if (path.empty()) return Policy();
    absl::StatusOr<std::string> text = ReadConfigFile(path);
    absl::StatusOr<Policy> policy =
        text.ok() ? ParsePolicyFile(*text, apps) : text.status();
    if (policy.ok()) return *std::move(policy);
    for (absl::string_view problem :
         absl::StrSplit(policy.status().message(), '\n'))
      Add(key, absl::StrCat(path, ": ", problem));
    return Policy();
  }

  // Empty when there is no path, or no good file.
  Secret SecretAt(const std::string& key, const std::string& path) {
    if (path.empty()) return Secret();
    absl::StatusOr<Secret> secret = ReadSecretFile(path);
    if (secret.ok()) return *std::move(secret);
    Add(key, absl::StrCat("the secret's file: ", secret.status().message()));
    return Secret();
  }

  std::vector<KeyRing::Key> KeysAt(const std::string& key,
                                   const std::string& path) {
    const Secret text = SecretAt(key, path);
    if (text.empty()) return {};
    absl::StatusOr<std::vector<KeyRing::Key>> keys =
        KeyRing::Parse(text.Expose());
    if (keys.ok()) {
      const absl::Status good = KeyRing::Create(*keys, SystemRandom()).status();
      if (good.ok()) return *std::move(keys);
      keys = good;
    }
    Add(key, absl::StrCat("in the file, ", keys.status().message()));
    return {};
  }

  void Add(const std::string& key, absl::string_view what) {
    const auto place = places_.find(key);
    problems_.Add(key, place == places_.end() ? "not set" : place->second,
                  what);
  }

 private:
  const ConfigPlaces& places_;
  ConfigProblems& problems_;
};

// Whether the same bytes are in both.
bool HaveOneKey(const std::vector<KeyRing::Key>& some,
                const std::vector<KeyRing::Key>& others) {
  for (const KeyRing::Key& key : some)
    for (const KeyRing::Key& other : others)
      if (key.bytes == other.bytes) return true;
  return false;
}

bool IsAppSecret(const Secret& secret) {
  for (char c : secret.Expose())
    if (c <= ' ' || c > '~') return false;
  return secret.size() <= 128;
}

// Otherwise there is nothing to read, or a problem already.
bool NamesTlsFiles(const Config::Grpc& grpc) {
  return !grpc.insecure_loopback && !grpc.tls.cert_file.empty() &&
         !grpc.tls.key_file.empty() && !grpc.tls.client_ca_file.empty();
}

void ReadFiles(ConfigDraft& draft, FileChecks& checks) {
  Config& config = draft.config;
  if (NamesTlsFiles(config.grpc)) {
    CrlFile crl_file;
    const TlsReading tls = CheckTlsTexts(
        ReadTlsTexts(config.grpc.tls, crl_file), SystemClock().Now());
    for (const auto& [key, what] : tls.problems) checks.Add(key, what);
  }
  checks.Readable("wechat.ca_file", config.wechat.ca_file);
  checks.Readable("database.url", DatabaseCaFile(config.database.url));
  config.database.password =
      checks.SecretAt("database.password_file", draft.database_password_file);

  config.keys.ring = checks.KeysAt("keys.ring_file", config.keys.ring_file);
  config.keys.phone_index =
      checks.KeysAt("keys.phone_index_file", draft.phone_index_file);
  if (config.keys.phone_index.size() > 1)
    checks.Add("keys.phone_index_file",
               "the file must hold one key: phones are found by one alone");
  if (HaveOneKey(config.keys.phone_index, config.keys.ring))
    checks.Add("keys.phone_index_file",
               "the file holds a key of keys.ring_file; make a new one");
  config.audit.key = checks.KeysAt("audit.key_file", draft.audit_key_file);
  if (config.audit.key.size() > 1)
    checks.Add("audit.key_file", "the file must hold one key");
  if (HaveOneKey(config.audit.key, config.keys.ring) ||
      HaveOneKey(config.audit.key, config.keys.phone_index))
    checks.Add("audit.key_file",
               "the file holds a key of keys.ring_file or "
               "keys.phone_index_file; make a new one");
  checks.Appendable("audit.file", config.audit.file);
  config.access.policy = checks.PolicyAt(
      "access.policy_file", config.access.policy_file, config.apps);

  for (size_t i = 0; i < config.apps.size(); ++i) {
    const std::string key = absl::StrCat("apps[", i, "].secret_file");
    config.apps[i].app_secret = checks.SecretAt(key, draft.app_secret_files[i]);
    if (!IsAppSecret(config.apps[i].app_secret))
      checks.Add(key,
                 "the file must hold the AppSecret alone: at most 128 "
                 "characters, without spaces");
  }
}

std::vector<std::string> Warnings(const ConfigSources& sources,
                                  const Config& config) {
  std::vector<std::string> out;
  for (const std::string& name : sources.service_variables)
    out.push_back(absl::StrCat(
        name,
        ": left alone, for Kubernetes made it of a Service's name; "
        "enableServiceLinks: false spares the pod of it"));
  for (const std::string& what : WithoutEffect(config.access.policy, config))
    out.push_back(absl::StrCat("access.policy_file: ", what));
  return out;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return "";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

absl::StatusOr<Config> LoadConfig(const ConfigSources& sources) {
  if (sources.file.empty())
    return absl::InvalidArgumentError(
        "config file: none given; name it with --config or WXIDENT_CONFIG");
  absl::StatusOr<std::string> text = ReadConfigFile(sources.file);
  if (!text.ok())
    return absl::InvalidArgumentError(absl::StrCat(
        "config file (", sources.file, "): ", text.status().message()));

  ConfigProblems problems;
  ConfigPlaces places;
  ConfigDraft draft =
      ParseConfig(*text, FolderOf(sources.file), sources, problems, places);
  FileChecks checks(places, problems);
  ReadFiles(draft, checks);
  if (!problems.lines().empty())
    return absl::InvalidArgumentError(absl::StrJoin(problems.lines(), "\n"));
  draft.config.warnings = Warnings(sources, draft.config);
  return std::move(draft.config);
}

}  // namespace wxident

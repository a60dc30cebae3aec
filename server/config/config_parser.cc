#include "server/config/config_parser.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/config/config_apps.h"
#include "server/config/config_together.h"
#include "server/config/config_values.h"
#include "server/config/files/config_yaml.h"
#include "server/edge/ip_ranges.h"
#include "server/policy/caller_uri.h"

namespace wxident {
namespace {

// A key as it was set, wherever that was.
struct Setting {
  std::string place;
  // One, or a list's items.
  std::vector<std::string> texts;
  // As in the file: a list, and a value in quotes.
  bool list = false;
  bool quoted = false;
  // What relative paths start from; empty for the current folder.
  std::string folder;
};

using Settings = std::map<std::string, Setting>;

std::string Line(const YamlNode& node) {
  return absl::StrCat("line ", node.line);
}

std::vector<std::string> KnownKeys() {
  std::vector<std::string> out = {"apps"};
  for (const ConfigKey& key : ConfigKeys()) out.push_back(key.name);
  return out;
}

bool IsSection(absl::string_view name) {
  return std::any_of(
      ConfigKeys().begin(), ConfigKeys().end(), [&](const ConfigKey& key) {
        return absl::StartsWith(key.name, absl::StrCat(name, "."));
      });
}

bool IsKey(absl::string_view name) {
  return std::any_of(ConfigKeys().begin(), ConfigKeys().end(),
                     [&](const ConfigKey& key) { return name == key.name; });
}

// Takes the file's keys apart into settings; leaves "apps" to ReadApps.
class FileReader {
 public:
  FileReader(const std::string& folder, Settings& settings,
             ConfigProblems& problems)
      : folder_(folder), settings_(settings), problems_(problems) {}

  void ReadSection(const std::string& prefix, const YamlNode& section) {
    for (size_t i = 0; i < section.items.size(); ++i) {
      const std::string name = prefix + section.names[i];
      const YamlNode& node = section.items[i];
      if (name == "apps") continue;
      if (IsKey(name))
        ReadKey(name, node);
      else if (node.kind == YamlNode::Kind::kMap)
        ReadSection(name + ".", node);
      else if (!IsSection(name))
        problems_.Add(
            ShownKey(name), Line(node),
            absl::StrCat("unknown key", DidYouMean(name, KnownKeys())));
      else if (node.kind != YamlNode::Kind::kNull)
        problems_.Add(name, Line(node),
                      "is a section; its keys stand below it, indented");
    }
  }

 private:
  void ReadKey(const std::string& name, const YamlNode& node) {
    Setting setting{.place = Line(node), .folder = folder_};
    switch (node.kind) {
      case YamlNode::Kind::kNull:
        return problems_.Add(name, setting.place,
                             "has no value; give one or remove the key");
      case YamlNode::Kind::kMap:
        return problems_.Add(name, setting.place,
                             "must be a value, not a section");
      case YamlNode::Kind::kScalar:
        setting.texts = {node.text};
        setting.quoted = node.quoted;
        break;
      case YamlNode::Kind::kList:
        setting.list = true;
        for (const YamlNode& item : node.items) {
          if (item.kind != YamlNode::Kind::kScalar)
            return problems_.Add(name, Line(item),
                                 "must be a list of plain values");
          setting.texts.push_back(item.text);
        }
        break;
    }
    // "grpc: {addr: X}" and "grpc.addr: X" are the same key.
    if (!settings_.emplace(name, std::move(setting)).second)
      problems_.Add(name, Line(node), "stands twice in the file");
  }

  const std::string& folder_;
  Settings& settings_;
  ConfigProblems& problems_;
};

std::optional<LogLevel> ParseLevel(absl::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warning") return LogLevel::kWarning;
  if (text == "error") return LogLevel::kError;
  return std::nullopt;
}

std::string DatabaseProblem(const std::string& url) {
  std::string problem = DatabaseUrlProblem(url);
  return problem.empty() ? DatabaseLinkProblem(url) : problem;
}

// Writes one setting into the draft. Each overload answers what is wrong, or
// nothing; answers hold no text of the setting unless the key's kind rules out
// that it is a secret in the wrong place.
class Assigner {
 public:
  Assigner(const ConfigKey& key, const Setting& setting, ConfigDraft& draft)
      : key_(key), setting_(setting), draft_(draft) {}

  std::string operator()(std::string& (*target)(ConfigDraft&)) const {
    if (setting_.list) return "must be one value, not a list";
    const std::string& text = setting_.texts.front();
    std::string& out = target(draft_);
    out = text;
    if (text.empty())
      return key_.default_text != nullptr && *key_.default_text == '\0'
                 ? ""
                 : "must not be empty";
    switch (key_.form) {
      case ConfigForm::kAddress:
        return ParseHostPort(text).has_value()
                   ? ""
                   : "is not host:port, like 127.0.0.1:8443 or [::1]:8443";
      case ConfigForm::kDatabaseUrl:
        return DatabaseProblem(text);
      case ConfigForm::kFile:
      case ConfigForm::kSecretFile:
        out = ConfigPath(setting_.folder, text);
        return "";
      case ConfigForm::kBaseUrl:
      case ConfigForm::kCallerUri:
      case ConfigForm::kIpRange:
      case ConfigForm::kAny:
        break;
    }
    return "";
  }

  std::string operator()(bool& (*target)(ConfigDraft&)) const {
    const std::string text = Plain();
    if (text != "true" && text != "false")
      return "must be true or false, without quotes";
    target(draft_) = text == "true";
    return "";
  }

  std::string operator()(int& (*target)(ConfigDraft&)) const {
    const std::string text = Plain();
    int least = 0;
    int most = 0;
    (void)absl::SimpleAtoi(key_.least, &least);
    (void)absl::SimpleAtoi(key_.most, &most);
    int& out = target(draft_);
    const bool digits =
        std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
    if (!digits || !absl::SimpleAtoi(text, &out) || out < least || out > most)
      return absl::StrCat("must be a whole number from ", least, " to ", most,
                          ", without quotes");
    return "";
  }

  std::string operator()(absl::Duration& (*target)(ConfigDraft&)) const {
    const std::optional<absl::Duration> parsed = ParseConfigDuration(
        setting_.list ? "" : absl::string_view(setting_.texts.front()));
    if (!parsed.has_value())
      return "must be a whole number and one of ms, s, m, h, d, like 30s";
    if (*parsed < *ParseConfigDuration(key_.least) ||
        *parsed > *ParseConfigDuration(key_.most))
      return absl::StrCat("must be from ", key_.least, " to ", key_.most);
    target(draft_) = *parsed;
    return "";
  }

  std::string operator()(LogLevel& (*target)(ConfigDraft&)) const {
    const std::optional<LogLevel> level =
        ParseLevel(setting_.list ? "" : setting_.texts.front());
    if (!level.has_value()) return "must be debug, info, warning or error";
    target(draft_) = *level;
    return "";
  }

  std::string operator()(
      std::vector<std::string>& (*target)(ConfigDraft&)) const {
    if (!setting_.list) return "must be a list, with '- ' before each item";
    const std::vector<std::string>& texts = setting_.texts;
    if (key_.form == ConfigForm::kBaseUrl &&
        (texts.empty() || texts.size() > kMaxUrls))
      return absl::StrCat("must hold 1 to ", kMaxUrls, " URLs");
    if (texts.size() > kMaxItems)
      return absl::StrCat("must hold at most ", kMaxItems, " items");
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::string problem = ItemProblem(texts[i]);
      if (!problem.empty()) return absl::StrCat("item ", i + 1, " ", problem);
      if (std::find(texts.begin(), texts.begin() + i, texts[i]) !=
          texts.begin() + i)
        return absl::StrCat("item ", i + 1, " stands there twice");
    }
    target(draft_) = texts;
    return "";
  }

 private:
  static constexpr size_t kMaxUrls = 8;
  static constexpr size_t kMaxItems = 64;

  // What is wrong with an item of a list; empty when nothing is.
  std::string ItemProblem(const std::string& text) const {
    switch (key_.form) {
      case ConfigForm::kBaseUrl:
        return BaseUrlProblem(text);
      case ConfigForm::kIpRange:
        return std::string(IpRanges().Add(text).message());
      case ConfigForm::kCallerUri:
        return IsCallerUri(text) ? ""
                                 : "must be the URI in a proxy's certificate, "
                                   "like spiffe://example.com/gateway";
      default:
        return "";
    }
  }

  // The text of a value whose quotes would make it another type.
  std::string Plain() const {
    return setting_.list || setting_.quoted ? "" : setting_.texts.front();
  }

  const ConfigKey& key_;
  const Setting& setting_;
  ConfigDraft& draft_;
};

Setting FromText(const ConfigKey& key, const std::string& place,
                 const std::string& text) {
  Setting out{.place = place, .texts = {text}};
  if (std::holds_alternative<std::vector<std::string>& (*)(ConfigDraft&)>(
          key.target)) {
    out.list = true;
    out.texts = absl::StrSplit(text, ',', absl::SkipEmpty());
  }
  return out;
}

// Flag beats variable beats file beats default.
std::optional<Setting> Effective(const ConfigKey& key,
                                 const ConfigSources& sources,
                                 const Settings& file) {
  if (auto flag = sources.flags.find(key.name); flag != sources.flags.end())
    return FromText(key, FlagOf(key.name), flag->second);
  if (auto variable = sources.variables.find(key.name);
      variable != sources.variables.end())
    return FromText(key, VariableOf(key.name), variable->second);
  if (auto set = file.find(key.name); set != file.end()) return set->second;
  if (key.default_text == nullptr) return std::nullopt;
  return FromText(key, "default", key.default_text);
}

}  // namespace

ConfigDraft ParseConfig(absl::string_view text, const std::string& folder,
                        const ConfigSources& sources, ConfigProblems& problems,
                        ConfigPlaces& places) {
  ConfigDraft draft{};
  const absl::StatusOr<YamlNode> root = ReadYaml(text);
  if (!root.ok()) {
    problems.Add("config file", "not read", root.status().message());
    return draft;
  }
  Settings file;
  FileReader(folder, file, problems).ReadSection("", *root);
  for (const ConfigKey& key : ConfigKeys()) {
    const std::optional<Setting> setting = Effective(key, sources, file);
    if (!setting.has_value()) {
      if (!problems.Has(key.name))
        problems.Add(key.name, "not set", "is required");
      continue;
    }
    places[key.name] = setting->place;
    const std::string problem =
        std::visit(Assigner(key, *setting, draft), key.target);
    if (!problem.empty()) problems.Add(key.name, setting->place, problem);
  }
  if (draft.config.open_data_max_age == absl::ZeroDuration())
    draft.config.open_data_max_age = absl::InfiniteDuration();
  ReadConfigApps(*root, folder, draft, problems, places);
  CheckConfigTogether(draft, places, problems);
  return draft;
}

}  // namespace wxident

#include "server/config/config_apps.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/config/config_values.h"

namespace wxident {
namespace {

constexpr size_t kMaxApps = 1000;
// WeChat's console takes three or so.
constexpr size_t kMaxRedirectHosts = 16;

std::string Line(const YamlNode& node) {
  return absl::StrCat("line ", node.line);
}

// Reads one item of "apps".
class AppReader {
 public:
  AppReader(std::string prefix, const std::string& folder,
            ConfigProblems& problems)
      : prefix_(std::move(prefix)), folder_(folder), problems_(problems) {}

  void Read(const YamlNode& node, ConfigDraft& draft, ConfigPlaces& places) {
    if (node.kind != YamlNode::Kind::kMap)
      return problems_.Add(prefix_, Line(node), "must be a section of keys");
    for (size_t i = 0; i < node.items.size(); ++i)
      ReadKey(node.names[i], node.items[i], places);
    for (const AppKey& key : AppKeys())
      if (key.required && !seen_[key.name])
        problems_.Add(Name(key.name), Line(node), "is missing");
    if (app_.open_platform_account.empty())
      app_.open_platform_account = app_.app_id;
    for (const App& other : draft.config.apps)
      if (!app_.app_id.empty() && other.app_id == app_.app_id)
        problems_.Add(Name("app_id"), Line(node),
                      "is the id of an earlier app too");
    draft.config.apps.push_back(std::move(app_));
    draft.app_secret_files.push_back(std::move(secret_file_));
  }

 private:
  std::string Name(absl::string_view key) const {
    return absl::StrCat(prefix_, ".", key);
  }

  void ReadKey(const std::string& name, const YamlNode& node,
               ConfigPlaces& places) {
    std::vector<std::string> known;
    for (const AppKey& key : AppKeys()) known.push_back(key.name);
    if (std::find(known.begin(), known.end(), name) == known.end())
      return problems_.Add(
          Name(ShownKey(name)), Line(node),
          absl::StrCat("unknown key", DidYouMean(name, known)));
    seen_[name] = true;
    if (name == "redirect_hosts") {
      const std::string problem = AssignRedirectHosts(node);
      if (!problem.empty()) problems_.Add(Name(name), Line(node), problem);
      return;
    }
    if (node.kind != YamlNode::Kind::kScalar || node.text.empty())
      return problems_.Add(Name(name), Line(node), "must be a value");
    places[Name(name)] = Line(node);
    const std::string problem = Assign(name, node.text);
    if (!problem.empty()) problems_.Add(Name(name), Line(node), problem);
  }

  std::string AssignRedirectHosts(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::kList)
      return "must be a list, with '- ' before each item";
    if (node.items.empty() || node.items.size() > kMaxRedirectHosts)
      return absl::StrCat("must hold 1 to ", kMaxRedirectHosts, " hosts");
    std::vector<std::string>& hosts = app_.redirect_hosts;
    for (size_t i = 0; i < node.items.size(); ++i) {
      const YamlNode& item = node.items[i];
      if (item.kind != YamlNode::Kind::kScalar || !IsHostName(item.text))
        return absl::StrCat("item ", i + 1,
                            " must be a host name alone, lower case, without "
                            "scheme, port or path");
      if (std::find(hosts.begin(), hosts.end(), item.text) != hosts.end())
        return absl::StrCat("item ", i + 1, " stands there twice");
      hosts.push_back(item.text);
    }
    return "";
  }

  std::string Assign(absl::string_view name, const std::string& text) {
    if (name == "app_id") {
      app_.app_id = text;
      return IsAppId(text) ? ""
                           : "must be wx and 16 lower-case hexadecimal digits";
    }
    if (name == "kind") {
      static const auto& kinds = *new std::map<std::string, AppKind>{
          {"mini_program", AppKind::kMiniProgram},
          {"official_account", AppKind::kOfficialAccount},
          {"website", AppKind::kWebsite},
          {"mobile", AppKind::kMobile}};
      const auto found = kinds.find(text);
      if (found == kinds.end())
        return "must be mini_program, official_account, website or mobile";
      app_.kind = found->second;
      return "";
    }
    if (name == "token_mode") {
      if (text != "stable" && text != "ordinary")
        return "must be stable or ordinary";
      app_.token_mode =
          text == "stable" ? TokenMode::kStable : TokenMode::kOrdinary;
      return "";
    }
    if (name == "open_platform_account") {
      app_.open_platform_account = text;
      const bool good =
          text.size() <= 64 &&
          std::all_of(text.begin(), text.end(), [](char c) {
            return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
          });
      if (!good) return "must be 1 to 64 letters, digits, '.', '_' and '-'";
      // An app id stands for the account of an app that is bound to none.
      return IsAppId(text) ? "must not look like an app id" : "";
    }
    secret_file_ = ConfigPath(folder_, text);
    return "";
  }

  const std::string prefix_;
  const std::string& folder_;
  ConfigProblems& problems_;
  App app_{};
  std::string secret_file_;
  std::map<std::string, bool> seen_;
};

}  // namespace

void ReadConfigApps(const YamlNode& root, const std::string& folder,
                    ConfigDraft& draft, ConfigProblems& problems,
                    ConfigPlaces& places) {
  const auto found = std::find(root.names.begin(), root.names.end(), "apps");
  if (found == root.names.end())
    return problems.Add("apps", "file", "is missing; name at least one app");
  const YamlNode& apps = root.items[found - root.names.begin()];
  if (apps.kind != YamlNode::Kind::kList || apps.items.empty() ||
      apps.items.size() > kMaxApps)
    return problems.Add(
        "apps", Line(apps),
        absl::StrCat("must be a list of 1 to ", kMaxApps, " apps"));
  for (size_t i = 0; i < apps.items.size(); ++i)
    AppReader(absl::StrCat("apps[", i, "]"), folder, problems)
        .Read(apps.items[i], draft, places);
}

}  // namespace wxident

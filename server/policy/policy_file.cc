#include "server/policy/policy_file.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config/files/config_problems.h"
#include "server/config/files/config_yaml.h"
#include "server/policy/method_names.h"

namespace wxident {
namespace {

constexpr size_t kMaxRows = 1000;
// What SPIFFE allows an id.
constexpr size_t kMaxCaller = 2048;
constexpr double kMaxNumber = 1'000'000;
constexpr char kAll[] = "*";

using Names = std::vector<std::string>;

bool Has(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string Line(const YamlNode& node) {
  return absl::StrCat("line ", node.line);
}

// "spiffe:..."
bool HasScheme(absl::string_view uri) {
  const size_t colon = uri.find(':');
  if (colon == 0 || colon == uri.npos || !absl::ascii_isalpha(uri.front()))
    return false;
  const absl::string_view scheme = uri.substr(0, colon);
  return std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '+' || c == '.' || c == '-';
  });
}

// What is wrong with a caller; empty when nothing is.
std::string CallerProblem(absl::string_view caller) {
  if (caller.empty()) return "must not be empty";
  if (caller.size() > kMaxCaller) return "is longer than any URI it could fit";
  if (!std::all_of(caller.begin(), caller.end(), absl::ascii_isgraph))
    return "must not have spaces or characters that a URI has not";
  if (caller == "loopback") return "";
  if (!HasScheme(caller))
    return "must be the URI in the caller's certificate, like "
           "spiffe://example.org/orders, or loopback";
  const size_t star = caller.find('*');
  if (star == caller.npos) return "";
  if (star + 1 != caller.size() || !absl::EndsWith(caller, "/*"))
    return "may have a '*' only as its end '/*', which stands for all that "
           "goes on from there";
  const char before = caller[caller.size() - 3];
  return before == '/' || before == ':'
             ? "stands for callers of every domain; name the domain, like "
               "spiffe://example.org/*"
             : "";
}

// Reads the items of a list, "allow" or "limits", each a map.
class RowReader {
 public:
  RowReader(std::string name, const YamlNode& node, ConfigProblems& problems)
      : name_(std::move(name)), node_(node), problems_(problems) {}

  // False when the row is no map. Names keys that are none of `known`, twice
  // there or, of the first `required`, missing.
  bool CheckKeys(const Names& known, size_t required) {
    if (node_.kind != YamlNode::Kind::kMap) {
      problems_.Add(name_, Line(node_),
                    absl::StrCat("must be a section of the keys ",
                                 absl::StrJoin(known, ", ")));
      return false;
    }
    for (size_t i = 0; i < node_.names.size(); ++i)
      if (!Has(known, node_.names[i]))
        problems_.Add(
            KeyName(ShownKey(node_.names[i])), Line(node_.items[i]),
            absl::StrCat("unknown key", DidYouMean(node_.names[i], known)));
    for (size_t i = 0; i < required; ++i)
      if (Find(known[i]) == nullptr)
        problems_.Add(KeyName(known[i]), Line(node_), "is missing");
    return true;
  }

  const YamlNode* Find(const std::string& key) const {
    const auto found = std::find(node_.names.begin(), node_.names.end(), key);
    return found == node_.names.end()
               ? nullptr
               : &node_.items[found - node_.names.begin()];
  }

  void Problem(const std::string& key, const YamlNode& node,
               absl::string_view what) {
    problems_.Add(KeyName(key), Line(node), what);
  }

  // "" when there is none that is good. `everybody`: whether "*" is.
  std::string Caller(bool everybody) {
    const YamlNode* node = Find("caller");
    if (node == nullptr) return "";
    if (everybody && node->kind == YamlNode::Kind::kScalar &&
        node->text == kAll)
      return node->text;
    std::string problem = node->kind == YamlNode::Kind::kScalar
                              ? CallerProblem(node->text)
                              : "must be one caller";
    if (problem.empty()) return node->text;
    Problem("caller", *node, problem);
    return "";
  }

  // The items of the list at `key`, all of them among `known` or "*"; what is
  // wrong is named with the word for such an item and what to do.
  std::set<std::string> List(const std::string& key, const Names& known,
                             absl::string_view word, absl::string_view advice) {
    const YamlNode* node = Find(key);
    if (node == nullptr) return {};
    std::set<std::string> out;
    if (node->kind != YamlNode::Kind::kList || node->items.empty())
      Problem(key, *node,
              "must be a list with at least one item, like "
              "[\"*\"]");
    for (const YamlNode& item : node->items) {
      if (item.kind != YamlNode::Kind::kScalar)
        Problem(key, item, absl::StrCat("must be a list of ", word, "s"));
      else if (item.text != kAll && !Has(known, item.text))
        Problem(key, item,
                absl::StrCat("unknown ", word, " ", ShownKey(item.text),
                             DidYouMean(item.text, known), advice));
      else if (!out.insert(item.text).second)
        Problem(key, item,
                absl::StrCat(ShownKey(item.text), " stands there twice"));
    }
    return out;
  }

  // 0 when there is none that is good.
  double Number(const std::string& key, bool whole) {
    const YamlNode* node = Find(key);
    if (node == nullptr) return 0;
    double number = 0;
    if (node->kind == YamlNode::Kind::kScalar &&
        absl::SimpleAtod(node->text, &number) && number > 0 &&
        number <= kMaxNumber && (!whole || number == std::floor(number)))
      return number;
    Problem(key, *node,
            whole ? "must be a whole number of 1 to 1000000; remove the key "
                    "for no limit"
                  : "must be a number over 0 and at most 1000000; remove the "
                    "key for no limit");
    return 0;
  }

 private:
  std::string KeyName(absl::string_view key) const {
    return absl::StrCat(name_, ".", key);
  }

  const std::string name_;
  const YamlNode& node_;
  ConfigProblems& problems_;
};

class PolicyReader {
 public:
  PolicyReader(const std::vector<App>& apps, ConfigProblems& problems)
      : problems_(problems) {
    for (const App& app : apps) apps_.push_back(app.app_id);
    const Names& admin = AdminMethodNames();
    methods_.insert(methods_.end(), admin.begin(), admin.end());
  }

  Policy Read(const YamlNode& root) {
    Policy policy;
    bool has_rows = false;
    for (size_t i = 0; i < root.items.size(); ++i) {
      const std::string& name = root.names[i];
      const YamlNode& node = root.items[i];
      if (name != "allow" && name != "limits") {
        problems_.Add(
            ShownKey(name), Line(node),
            absl::StrCat("unknown key", DidYouMean(name, {"allow", "limits"})));
        continue;
      }
      if (node.kind != YamlNode::Kind::kList || node.items.empty() ||
          node.items.size() > kMaxRows) {
        problems_.Add(
            name, Line(node),
            absl::StrCat("must be a list of 1 to ", kMaxRows, " rows"));
        has_rows |= name == "allow";
        continue;
      }
      for (size_t row = 0; row < node.items.size(); ++row) {
        RowReader reader(absl::StrCat(name, "[", row, "]"), node.items[row],
                         problems_);
        if (name == "allow")
          ReadRow(reader, policy);
        else
          ReadLimit(reader, policy);
      }
      has_rows |= name == "allow";
    }
    if (!has_rows)
      problems_.Add("allow", "not set",
                    "is missing; without a row nobody may call anything");
    return policy;
  }

 private:
  void ReadRow(RowReader& reader, Policy& policy) {
    if (!reader.CheckKeys({"caller", "methods", "apps"}, 3)) return;
    Policy::Row row;
    row.caller = reader.Caller(false);
    row.methods = reader.List("methods", methods_, "method", "");
    if (row.methods.erase(kAll) > 0) {
      for (const std::string& method : row.methods)
        if (Has(identity_methods_, method))
          reader.Problem("methods", *reader.Find("methods"),
                         absl::StrCat(method,
                                      " is one of those that \"*\" "
                                      "stands for; remove one"));
      row.methods.insert(identity_methods_.begin(), identity_methods_.end());
    }
    row.apps = reader.List("apps", apps_, "app",
                           "; it must be the app_id of an app in the "
                           "configuration");
    if (row.apps.erase(kAll) > 0 && !row.apps.empty())
      reader.Problem("apps", *reader.Find("apps"),
                     "\"*\" stands for every app; remove it or the others");
    policy.allow.push_back(std::move(row));
  }

  void ReadLimit(RowReader& reader, Policy& policy) {
    if (!reader.CheckKeys({"caller", "rate", "burst", "concurrency", "streams"},
                          1))
      return;
    Policy::Limit limit;
    limit.caller = reader.Caller(true);
    limit.rate = reader.Number("rate", false);
    limit.burst = reader.Number("burst", true);
    limit.concurrency = static_cast<int>(reader.Number("concurrency", true));
    if (reader.Find("streams") != nullptr)
      limit.streams = static_cast<int>(reader.Number("streams", true));
    const YamlNode* burst = reader.Find("burst");
    const YamlNode* caller = reader.Find("caller");
    if (reader.Find("rate") == nullptr && burst != nullptr)
      reader.Problem("burst", *burst, "needs rate too");
    else if (reader.Find("rate") == nullptr && caller != nullptr &&
             reader.Find("concurrency") == nullptr &&
             reader.Find("streams") == nullptr)
      reader.Problem("caller", *caller,
                     "has no limit; give rate, concurrency or streams");
    // What a second brings.
    if (burst == nullptr) limit.burst = std::max(1.0, limit.rate);
    for (size_t i = 0; i < policy.limits.size() && !limit.caller.empty(); ++i) {
      if (!policy.limits[i].Fits(limit.caller)) continue;
      reader.Problem("caller", *caller,
                     absl::StrCat("never counts, for limits[", i,
                                  "] fits it and comes first; put the special "
                                  "row before the general one"));
      break;
    }
    policy.limits.push_back(std::move(limit));
  }

  ConfigProblems& problems_;
  Names apps_;
  const Names& identity_methods_ = IdentityMethodNames();
  // Those of both services.
  Names methods_ = identity_methods_;
};

}  // namespace

absl::StatusOr<Policy> ParsePolicyFile(absl::string_view text,
                                       const std::vector<App>& apps) {
  const absl::StatusOr<YamlNode> root = ReadYaml(text);
  if (!root.ok()) return root.status();
  ConfigProblems problems;
  Policy policy = PolicyReader(apps, problems).Read(*root);
  if (!problems.lines().empty())
    return absl::InvalidArgumentError(absl::StrJoin(problems.lines(), "\n"));
  return policy;
}

}  // namespace wxident

#include "server/config/files/config_yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

constexpr size_t kMaxDepth = 4;
constexpr int kMaxNodes = 20'000;

// How TreeBuilder leaves the parser, whose events cannot report.
struct Refused {
  int line;
  const char* what;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  YamlNode TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Refuse(mark, "", anchor);
    Add({.kind = YamlNode::Kind::kNull, .line = Line(mark)});
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{Line(mark),
                  "aliases (*name) are not taken here; "
                  "write the value out, or in quotes"};
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& value) override {
    Refuse(mark, tag, anchor);
    if (std::any_of(value.begin(), value.end(), absl::ascii_iscntrl))
      throw Refused{Line(mark), "holds a control character or a line break"};
    Add({.kind = YamlNode::Kind::kScalar,
         .line = Line(mark),
         .text = value,
         .quoted = tag == "!"});
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Refuse(mark, tag, anchor);
    Open({.kind = YamlNode::Kind::kList, .line = Line(mark)});
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Refuse(mark, tag, anchor);
    Open({.kind = YamlNode::Kind::kMap, .line = Line(mark)});
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Level {
    YamlNode node;
    // Of a map: a key that still waits for its value.
    std::optional<std::string> name;
    int name_line = 0;
  };

  static int Line(const YAML::Mark& mark) { return mark.line + 1; }

  // yaml-cpp gives "?" to what has no tag and "!" to what has quotes.
  static void Refuse(const YAML::Mark& mark, const std::string& tag,
                     YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor)
      throw Refused{Line(mark),
                    "anchors (&name) are not taken here; "
                    "write the value out, or in quotes"};
    if (!tag.empty() && tag != "?" && tag != "!")
      throw Refused{Line(mark),
                    "tags (!name) are not taken here; "
                    "write the value plain, or in quotes"};
  }

  void Open(YamlNode node) {
    if (open_.size() >= kMaxDepth)
      throw Refused{node.line, "is nested deeper than any key of a config"};
    if (InKeyPosition())
      throw Refused{node.line, "has a map or list where a key must stand"};
    open_.push_back({std::move(node), std::nullopt});
  }

  void Close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    Add(std::move(node));
  }

  void Add(YamlNode node) {
    if (++nodes_ > kMaxNodes)
      throw Refused{node.line, "is too much for a config: over 20000 values"};
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    if (InKeyPosition()) {
      AddName(std::move(node));
      return;
    }
    Level& level = open_.back();
    if (level.name.has_value()) {
      level.node.names.push_back(*std::move(level.name));
      level.name.reset();
      // Where a reader looks for it; an empty value's own mark is later.
      node.line = level.name_line;
    }
    level.node.items.push_back(std::move(node));
  }

  void AddName(YamlNode node) {
    Level& level = open_.back();
    if (node.kind != YamlNode::Kind::kScalar || node.text.empty())
      throw Refused{node.line, "has an empty key"};
    const std::vector<std::string>& names = level.node.names;
    if (std::find(names.begin(), names.end(), node.text) != names.end())
      throw Refused{node.line, "has a key that stands twice in its section"};
    if (names.size() >= kMaxNames)
      throw Refused{node.line, "is in a section of over 100 keys"};
    level.name = std::move(node.text);
    level.name_line = node.line;
  }

  bool InKeyPosition() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap &&
           !open_.back().name.has_value();
  }

  // Keeps the search for doubled keys short.
  static constexpr size_t kMaxNames = 100;

  std::vector<Level> open_;
  YamlNode root_;
  int nodes_ = 0;
};

absl::Status Problem(int line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", what));
}

}  // namespace

absl::StatusOr<YamlNode> ReadYaml(absl::string_view text) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder first;
    if (!parser.HandleNextDocument(first))
      return YamlNode{.kind = YamlNode::Kind::kMap, .line = 1};
    YamlNode root = first.TakeRoot();
    TreeBuilder second;
    if (parser.HandleNextDocument(second))
      return Problem(root.line, "the file must hold one document, not several");
    if (root.kind == YamlNode::Kind::kNull) root.kind = YamlNode::Kind::kMap;
    if (root.kind != YamlNode::Kind::kMap)
      return Problem(root.line,
                     "the file's top must be sections, like 'grpc:'");
    return root;
  } catch (const Refused& refused) {
    return Problem(refused.line, refused.what);
  } catch (const YAML::Exception& error) {
    // Its message may quote the text, and the text may be a misplaced secret.
    return Problem(error.mark.line + 1,
                   "is not YAML; look at the indentation, "
                   "colons and quotes around it");
  } catch (const std::exception&) {
    return Problem(1, "the file is not YAML");
  }
}

}  // namespace wxident
